"""The Lakeflow side of the engines' switch, as far as it runs without Lakeflow."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
from landing_rows import landed, nothing
from pyspark.sql import functions as F

import lyceum
from lyceum.quality.rules import broken_rules
from lyceum.silver.lm_events import EVENT_RULES, event_records
from lyceum.sources.landing import BRANDS, EVENTS, INDICATIONS

ENGINE = Path(lyceum.__file__).parents[1] / "pipelines" / "engine.py"


@pytest.fixture
def lakeflow(monkeypatch):
    """The switch with Lakeflow's decorators, which note what they are given."""
    spec = importlib.util.spec_from_file_location("engine_of_lakeflow", ENGINE)
    engine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(engine)
    assert not engine.IS_LAKEFLOW, "Spark's own engine knows no expectations"
    noted = SimpleNamespace(expected={}, views={})

    def expect_all(expected):
        noted.expected.update(expected)
        return lambda query: query

    def temporary_view(name):
        return lambda query: noted.views.update({name: query})

    decorators = SimpleNamespace(expect_all=expect_all, temporary_view=temporary_view)
    monkeypatch.setattr(engine, "dp", decorators)
    monkeypatch.setattr(engine, "IS_LAKEFLOW", True)
    return engine, noted


def test_lakeflow_counts_for_each_rule_the_records_that_go_to_quarantine(spark, lakeflow):
    engine, noted = lakeflow
    records = event_records(
        landed(
            spark,
            EVENTS,
            """
            event_id | event_name | event_date | brand_id | oasis_modified_date | _n
            good     | Talk       | 2026-03-01 | NULL     | 2026-02-01          | 1
            undated  | Talk       | soon       | B1       | 2026-02-01          | 1
            ageless  | Talk       | 2026-03-01 | B9       | NULL                | 1
            """,
        ),
        landing_brands=landed(spark, BRANDS, "brand_id | brand_name | _n \n B1 | Cardivo | 1"),
        landing_indications=nothing(spark, INDICATIONS),
    ).localCheckpoint()
    query = engine.watched(spark, "lm_event_records", lambda: records, EVENT_RULES)

    noted.views["lm_event_records"]().createOrReplaceTempView("lm_event_records")
    assert query().collect() == records.collect()
    failing = [F.count_if(~F.expr(e)).alias(rule) for rule, e in noted.expected.items()]
    counts = records.agg(*failing).collect()[0].asDict()
    broken = broken_rules(records, rules=EVENT_RULES).groupBy("rule").count().collect()
    assert {rule: count for rule, count in counts.items() if count} == dict(map(tuple, broken))
    assert set(counts) == {rule.id for rule in EVENT_RULES}
    assert len(broken) >= 3
    spark.catalog.dropTempView("lm_event_records")

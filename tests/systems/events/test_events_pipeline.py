"""The tasks of the job: preprocess, the pipeline of the bundle, the quarantine."""

import json
from pathlib import Path

import pytest
from events_world import (
    CLEAN,
    DELIVERIES,
    PIPELINE_EVENTS,
    deliver,
    in_quarantine,
    outputs,
    versions,
)
from pyspark.sql import functions as F

import lyceum
from bundlerun.pipelines.settings import pipeline_settings
from lakes import lake_in
from lyceum.runs.pipelines import update_pipeline
from lyceum.systems.events.bronze import LANDING_PARTICIPANTS
from lyceum.systems.events.job import preprocess, quarantine, run
from lyceum.systems.events.pipeline import EVENTS, TABLES
from lyceum.systems.events.silver.lm_broken_rules import LM_BROKEN_RULES
from lyceum.systems.events.silver.lm_events import EVENT_RULES
from lyceum.systems.events.silver.lm_participants import PARTICIPANT_RULES

RESOURCE = {
    "name": "[dev someone] events",
    "schema": "silver",
    "root_path": "src/pipelines/events",
    "libraries": [
        {"file": {"path": f"src/pipelines/events/{name}.py"}} for name in ("landing", "tables")
    ],
}


def by_tasks(job) -> None:
    """The three tasks that a bundle's job has."""
    lake = job.lake
    schemas = {f"lyceum.schema.{layer}": name for layer, name in lake.config.schemas.items()}
    configuration = {"lyceum.home": str(lake.config.home), **schemas}
    resource = {**RESOURCE, "configuration": configuration}
    preprocess(job)
    folder = Path(lyceum.__file__).parents[2]
    update = update_pipeline(lake, pipeline_settings(EVENTS, resource, folder=folder), TABLES)
    assert update.error is None
    quarantine(job)


@pytest.mark.slow
def test_the_tasks_of_the_job_give_the_same_tables_as_one_run(lake, tmp_path):
    """Two deliveries at once; then a renamed brand by a run, which goes on where the tasks ended."""
    deliver(lake, CLEAN)
    by_tasks(deliver(lake, DELIVERIES[3], 4))
    rows = lake.read(LANDING_PARTICIPANTS)
    assert rows.count() == rows.dropDuplicates(LANDING_PARTICIPANTS.keys).count() == 12
    found, broken, before = outputs(lake), in_quarantine(lake), versions(lake)
    assert ("unreadable_file", "events/three.csv.gz") in broken
    by_tasks(deliver(lake, {}))
    assert versions(lake) == before

    other = lake_in(lake, tmp_path / "other")
    deliver(other, CLEAN)
    run(deliver(other, DELIVERIES[3], 4))
    assert (outputs(other), in_quarantine(other)) == (found, broken)

    run(deliver(lake, {"brands/new.csv": "brand_id,brand_name\nB9,Neuro\n"}, 9))
    renamed = outputs(lake)
    assert [row[4] for row in renamed["silver.lm_events"]] == ["Cardivo", "Pulmora", "Neuro"]
    assert renamed["silver.lm_participants"] == found["silver.lm_participants"]
    assert in_quarantine(lake) == [row for row in broken if row[0] != "unknown_brand"]
    bronze = {name for name in before if name.startswith("bronze.")}
    written = {name for name in before if versions(lake)[name] != before[name]}
    assert written & bronze == {"bronze.landing_brands"}


@pytest.mark.slow
def test_the_event_log_counts_for_each_rule_the_records_that_go_to_quarantine(lake):
    deliver(lake, CLEAN)
    run(deliver(lake, DELIVERIES[3], 4))
    for view, rules in (
        ("lm_event_records", EVENT_RULES),
        ("lm_participant_records", PARTICIPANT_RULES),
    ):
        [event] = lake.read(PIPELINE_EVENTS).where(F.col("dataset") == view).collect()
        counts = {count["name"]: count["failed"] for count in json.loads(event.expectations)}
        of_view = F.col("rule").isin(*(rule.id for rule in rules))
        broken = lake.read(LM_BROKEN_RULES).where(of_view).groupBy("rule").count().collect()
        assert {rule: count for rule, count in counts.items() if count} == dict(map(tuple, broken))
        assert set(counts) == {rule.id for rule in rules}

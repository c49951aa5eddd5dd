# ruff: noqa: F821 - the engine provides spark
"""Silver and gold of the event pipeline: materialized views over the transforms of the layers."""

from collections.abc import Callable

from engine import watched
from pyspark import pipelines as dp
from pyspark.sql import DataFrame

from lyceum.model.pipelines import full_name
from lyceum.model.table import Table
from lyceum.systems.events.bronze import LANDING_TABLES
from lyceum.systems.events.gold import (
    EVENT_PERFORMANCE_KPI,
    PRODUCT_PERFORMANCE_KPI,
    event_figures,
    event_performance_kpi,
    product_performance_kpi,
)
from lyceum.systems.events.silver.lm_brands import (
    BRAND_RULES,
    LM_BRANDS,
    brand_records,
    lm_brands,
)
from lyceum.systems.events.silver.lm_broken_rules import LM_BROKEN_RULES, lm_broken_rules
from lyceum.systems.events.silver.lm_events import EVENT_RULES, LM_EVENTS, event_records, lm_events
from lyceum.systems.events.silver.lm_participants import (
    LM_PARTICIPANTS,
    PARTICIPANT_RULES,
    lm_participants,
    participant_records,
)
from lyceum.systems.events.silver.mdm import final_mdm_ids, mdm_links
from lyceum.systems.events.source import ENTITIES


def _view(table: Table) -> Callable[[Callable[[], DataFrame]], object]:
    """A materialized view of the declared name and columns."""
    name = full_name(spark, table)
    return dp.materialized_view(name=name, comment=table.grain, schema=table.columns)


def _rows(table: Table) -> DataFrame:
    return spark.read.table(full_name(spark, table))


def _event_records() -> DataFrame:
    return event_records(
        _rows(LANDING_TABLES["events"]),
        landing_brands=_rows(LANDING_TABLES["brands"]),
        landing_indications=_rows(LANDING_TABLES["indications"]),
    )


def _participant_records() -> DataFrame:
    return participant_records(
        _rows(LANDING_TABLES["participants"]),
        events=_rows(LM_EVENTS),
        final_ids=final_mdm_ids(mdm_links(_rows(LANDING_TABLES["mdm"]))),
    )


def _figures() -> DataFrame:
    return event_figures(_rows(LM_EVENTS), participants=_rows(LM_PARTICIPANTS))


def _brand_records() -> DataFrame:
    return brand_records(_rows(LANDING_TABLES["brands"]))


_brands = watched(spark, "lm_brand_records", _brand_records, BRAND_RULES)
_events = watched(spark, "lm_event_records", _event_records, EVENT_RULES)
_participants = watched(spark, "lm_participant_records", _participant_records, PARTICIPANT_RULES)


@_view(LM_BRANDS)
def brands() -> DataFrame:
    """The brands by the master that was delivered last."""
    return lm_brands(_brands())


@_view(LM_EVENTS)
def events() -> DataFrame:
    """The latest version of every event."""
    return lm_events(_events())


@_view(LM_PARTICIPANTS)
def participants() -> DataFrame:
    """The latest version of every participant of a known event."""
    return lm_participants(_participants())


@_view(LM_BROKEN_RULES)
def broken_rules() -> DataFrame:
    """What breaks a rule now; the quarantine keeps when it did, and when it was mended."""
    return lm_broken_rules(
        {BRAND_RULES: _brands(), EVENT_RULES: _events(), PARTICIPANT_RULES: _participants()},
        landing={entity: _rows(LANDING_TABLES[entity.name]) for entity in ENTITIES},
    )


@_view(EVENT_PERFORMANCE_KPI)
def kpi_by_day() -> DataFrame:
    """Key figures by day."""
    return event_performance_kpi(_figures())


@_view(PRODUCT_PERFORMANCE_KPI)
def kpi_by_product() -> DataFrame:
    """Key figures by brand."""
    return product_performance_kpi(_figures())

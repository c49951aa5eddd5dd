"""Silver: the latest version of every event, with the name of its brand."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.quality.rules import Rule, without_rejected
from lyceum.systems.events.silver.deliveries import (
    PROVENANCE,
    counting_versions,
    latest_master,
    named_records,
)
from lyceum.systems.events.silver.standard import day, identifier, moment, plain_text
from lyceum.systems.events.source.entities import BRANDS, EVENTS, INDICATIONS

LM_EVENTS = Table(
    name="silver.lm_events",
    grain="one row per event, in its latest version",
    keys=("event_id",),
    columns="""
        event_id STRING COMMENT 'Event identifier, trimmed, upper case',
        event_name STRING COMMENT 'Name of the event',
        event_date DATE COMMENT 'Day of the event',
        brand_id STRING COMMENT 'Brand identifier, trimmed, upper case',
        brand_name STRING COMMENT 'Name of the brand; NULL if the brand is unknown',
        indication_id STRING COMMENT 'Indication identifier, trimmed, upper case',
        oasis_modified_date TIMESTAMP COMMENT 'When the version was made in OASIS, UTC'
    """,
)

_VERSION_RULES = (
    Rule(
        "unreadable_event_date",
        "rejected",
        "the event date is in no known format",
        "has_event_date AND event_date IS NULL",
    ),
    Rule(
        "unreadable_event_modified_date",
        "rejected",
        "the modified date is in no known format: the version cannot be placed among the others",
        "has_modified_date AND oasis_modified_date IS NULL",
    ),
)
EVENT_RULES = (
    *_VERSION_RULES,
    Rule("event_without_date", "flagged", "the event has no date", "NOT has_event_date"),
    Rule(
        "event_without_modified_date",
        "flagged",
        "the version has no modified date: it counts as the oldest",
        "NOT has_modified_date",
    ),
    Rule(
        "unknown_brand",
        "flagged",
        "the brand of the event is not among the brands",
        "brand_id IS NOT NULL AND NOT coalesce(is_known_brand, false)",
    ),
    Rule(
        "unknown_indication",
        "flagged",
        "the indication of the event is not among the indications",
        "indication_id IS NOT NULL AND NOT coalesce(is_known_indication, false)",
    ),
)


def event_records(
    landing_events: DataFrame, *, landing_brands: DataFrame, landing_indications: DataFrame
) -> DataFrame:
    """The delivered rows that count, parsed and joined with the masters, fit for `EVENT_RULES`."""
    brands = latest_master(landing_brands, entity=BRANDS).select(
        "brand_id",
        plain_text(F.col("brand_name")).alias("brand_name"),
        F.lit(True).alias("is_known_brand"),
    )
    indications = latest_master(landing_indications, entity=INDICATIONS).select(
        "indication_id", F.lit(True).alias("is_known_indication")
    )
    return (
        landing_events.transform(named_records, entity=EVENTS)
        .transform(_parsed)
        .transform(counting_versions, modified="oasis_modified_date", rules=_VERSION_RULES)
        .join(brands, on="brand_id", how="left")
        .join(indications, on="indication_id", how="left")
    )


def lm_events(records: DataFrame) -> DataFrame:
    """The latest good version of every event, one row an event."""
    return without_rejected(records, rules=EVENT_RULES).select(
        "event_id",
        "event_name",
        "event_date",
        "brand_id",
        "brand_name",
        "indication_id",
        "oasis_modified_date",
    )


def _parsed(records: DataFrame) -> DataFrame:
    texts = ("event_name", "event_date", "oasis_modified_date")
    plain = records.select(
        *PROVENANCE,
        F.col("record_key").alias("event_id"),
        *(plain_text(F.col(name)).alias(name) for name in texts),
        *(identifier(F.col(name)).alias(name) for name in ("brand_id", "indication_id")),
    )
    return plain.select(
        *PROVENANCE,
        "event_id",
        "event_name",
        "brand_id",
        "indication_id",
        F.col("event_date").isNotNull().alias("has_event_date"),
        day(F.col("event_date")).alias("event_date"),
        F.col("oasis_modified_date").isNotNull().alias("has_modified_date"),
        moment(F.col("oasis_modified_date")).alias("oasis_modified_date"),
    )

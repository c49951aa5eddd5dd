"""Bronze of the LMS: its payloads as they came, and what a load keeps until they are in."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.json_text import is_json_object, is_object, items, scalar

EVENT_NOT_FETCHED = "event_not_fetched"
"""The rule of the quarantine that a failed event breaks."""

LMS_EVENTS = Table(
    name="bronze.lms_events",
    grain="one row per page of the LMS events list",
    keys=("load_id", "page"),
    columns="""
        load_id STRING NOT NULL COMMENT 'The load that fetched the page',
        page INT NOT NULL COMMENT 'Number of the page, from 1',
        data_value STRING NOT NULL COMMENT 'The page as the LMS sent it, JSON',
        fetched_at TIMESTAMP NOT NULL COMMENT 'When the page arrived, UTC'
    """,
    cluster_by=(),
    retention_days=548,
    retention_column="fetched_at",
)

LMS_EVENT_SESSION_DETAILS = Table(
    name="bronze.lms_event_session_details",
    grain="one row per LMS event: its latest session details",
    keys=("event_id",),
    columns="""
        event_id STRING NOT NULL COMMENT 'LMS event identifier',
        data_value STRING NOT NULL COMMENT 'The session details as the LMS sent them, JSON',
        http_status INT COMMENT 'HTTP status of the answer',
        fetched_at TIMESTAMP NOT NULL COMMENT 'When the answer arrived, UTC',
        load_id STRING NOT NULL COMMENT 'The load that fetched it'
    """,
)

PAGE_COLUMNS = """
    load_id STRING COMMENT 'The load under way',
    page INT COMMENT 'Number of the page, from 1',
    body STRING COMMENT 'The page as the LMS sent it',
    fetched_at TIMESTAMP COMMENT 'When the page arrived, UTC',
    item_count INT COMMENT 'Events on the page',
    findings STRING COMMENT 'What was odd about the paging',
    error_kind STRING COMMENT 'Why the list ended early',
    error_message STRING COMMENT 'The same for a person'
"""
"""The pages of the events list as a load keeps them in the landing folder, one row a page."""

ANSWER_COLUMNS = """
    load_id STRING COMMENT 'The load under way',
    event_id STRING COMMENT 'LMS event identifier; NULL on an error that stopped the load',
    http_status INT COMMENT 'HTTP status of the last answer',
    body STRING COMMENT 'The answer as text',
    fetched_at TIMESTAMP COMMENT 'When the last answer arrived, UTC',
    attempts INT COMMENT 'Calls made',
    error_kind STRING COMMENT 'Why it failed: http_404, timeout and so on',
    error_message STRING COMMENT 'The same for a person'
"""
"""What the LMS answered for the events of a load, or why it did not, one row an event."""


def event_pages(pages: DataFrame) -> DataFrame:
    """The pages of the events list as the LMS sent them."""
    return pages.select("load_id", "page", F.col("body").alias("data_value"), "fetched_at")


def listed_events(pages: DataFrame, *, fields: LmsFields) -> DataFrame:
    """One row per element of the events list: its id, NULL if unusable, and announced sessions."""
    listed = F.posexplode(items(F.col("data_value"), fields.events)).alias("position", "item")
    event = F.when(is_object(F.col("item")), F.col("item"))
    # As it was listed, spaces too: the LMS is called with it.
    event_id = scalar(event, fields.event_id)
    return pages.select("load_id", "page", "fetched_at", listed).select(
        F.when(F.trim(event_id) != "", event_id).alias("event_id"),
        scalar(event, fields.event_session_count).try_cast("int").alias("expected_sessions"),
        "load_id",
        "page",
        F.col("position").cast("bigint").alias("position"),
        "fetched_at",
        F.col("item").alias("raw"),
    )


def expected_sessions(listed: DataFrame) -> DataFrame:
    """One row per listed event: when it was listed last, and the sessions announced then."""
    latest_first = Window.partitionBy("event_id").orderBy(F.desc("fetched_at"), F.desc("page"))
    return (
        listed.where(F.col("event_id").isNotNull())
        .withColumn("rank", F.row_number().over(latest_first))
        .where(F.col("rank") == 1)
        .select("event_id", "expected_sessions", F.col("fetched_at").alias("listed_at"))
    )


def fetched_payloads(answers: DataFrame) -> DataFrame:
    """The events of a load that the LMS answered, with their payload as it came."""
    return answers.where(_is_fetched()).select(
        "event_id",
        F.col("body").alias("data_value"),
        "http_status",
        "fetched_at",
        "load_id",
    )


def failed_events(answers: DataFrame) -> DataFrame:
    """The events of a load that could not be fetched, and why."""
    kind = F.coalesce("error_kind", F.lit("payload_not_storable"))
    message = F.coalesce("error_message", F.lit("the payload is no JSON object, or too deep"))
    return answers.where(~_is_fetched() & F.col("event_id").isNotNull()).select(
        "event_id",
        "http_status",
        kind.alias("error_kind"),
        message.alias("error_message"),
        "attempts",
        "fetched_at",
        "load_id",
    )


def broken_fetches(failed: DataFrame) -> DataFrame:
    """The failed events as broken rules, for the quarantine."""
    return failed.select(
        F.lit(EVENT_NOT_FETCHED).alias("rule"),
        F.lit("rejected").alias("severity"),
        F.concat_ws(": ", "error_kind", "error_message").alias("detail"),
        F.col("event_id").alias("source_key"),
        F.col("event_id").alias("record_key"),
        F.lit(None).cast("bigint").alias("position"),
        F.lit(None).cast("string").alias("raw"),
        "load_id",
        F.col("fetched_at").alias("seen_at"),
    )


def broken_listings(pages: DataFrame, *, fields: LmsFields) -> DataFrame:
    """Listed events without a usable id, and pages that contradict the others, as broken rules."""
    anonymous = listed_events(event_pages(pages), fields=fields).where(F.col("event_id").isNull())
    odd_pages = pages.where(F.col("findings").isNotNull()).select(
        "*", F.lit(None).cast("bigint").alias("position")
    )
    return _broken_listing(
        anonymous, "event_without_id", "rejected", F.lit("a listed event has no id"), F.col("raw")
    ).unionByName(
        _broken_listing(
            odd_pages, "inconsistent_events_list", "flagged", F.col("findings"), F.col("findings")
        )
    )


def _broken_listing(
    rows: DataFrame, rule: str, severity: str, detail: Column, raw: Column
) -> DataFrame:
    return rows.select(
        F.lit(rule).alias("rule"),
        F.lit(severity).alias("severity"),
        detail.alias("detail"),
        F.lit("events list").alias("source_key"),
        F.concat(F.lit("page "), F.col("page")).alias("record_key"),
        "position",
        raw.alias("raw"),
        "load_id",
        F.col("fetched_at").alias("seen_at"),
    )


def _is_fetched() -> Column:
    return F.col("error_kind").isNull() & is_json_object(F.col("body"))

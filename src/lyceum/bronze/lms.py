"""Bronze of the LMS: its payloads as they came, and the staging of a load under way."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.bronze.variant import variant_items, variant_text
from lyceum.sources.lms.fields import LmsFields
from lyceum.table import Table

EVENT_NOT_FETCHED = "event_not_fetched"
"""The rule of the quarantine that a failed event breaks."""

LMS_EVENTS = Table(
    name="bronze.lms_events",
    grain="one row per page of the LMS events list",
    keys=("load_id", "page"),
    columns="""
        load_id STRING NOT NULL COMMENT 'The load that fetched the page',
        page INT NOT NULL COMMENT 'Number of the page, from 1',
        data_value VARIANT NOT NULL COMMENT 'The page as the LMS sent it',
        fetched_at TIMESTAMP NOT NULL COMMENT 'When the page arrived, UTC'
    """,
    cluster_by=(),
)

LMS_EVENT_SESSION_DETAILS = Table(
    name="bronze.lms_event_session_details",
    grain="one row per LMS event: its latest session details",
    keys=("event_id",),
    columns="""
        event_id STRING NOT NULL COMMENT 'LMS event identifier',
        data_value VARIANT NOT NULL COMMENT 'The session details as the LMS sent them',
        http_status INT COMMENT 'HTTP status of the answer',
        fetched_at TIMESTAMP NOT NULL COMMENT 'When the answer arrived, UTC',
        load_id STRING NOT NULL COMMENT 'The load that fetched it'
    """,
)

LMS_LOAD_PAGES = Table(
    name="bronze.lms_load_pages",
    grain="one row per page of the events list in the load under way",
    keys=("load_id", "page"),
    columns="""
        load_id STRING NOT NULL COMMENT 'The load under way',
        page INT COMMENT 'Number of the page, from 1',
        body STRING COMMENT 'The page as the LMS sent it',
        fetched_at TIMESTAMP COMMENT 'When the page arrived, UTC',
        item_count INT COMMENT 'Events on the page',
        findings STRING COMMENT 'What was odd about the paging',
        error_kind STRING COMMENT 'Why the list ended early',
        error_message STRING COMMENT 'The same for a person'
    """,
    cluster_by=(),
)

LMS_LOAD_EVENTS = Table(
    name="bronze.lms_load_events",
    grain="one row per event that the load under way has to fetch; empty when none is under way",
    keys=("load_id", "event_id"),
    columns="""
        load_id STRING NOT NULL COMMENT 'The load under way',
        event_id STRING NOT NULL COMMENT 'LMS event identifier',
        chunk INT NOT NULL COMMENT 'The chunk that the event is fetched in',
        scope STRING NOT NULL COMMENT 'complete, since or retry',
        source STRING NOT NULL COMMENT 'What a resumption must match: URL and since',
        started_at TIMESTAMP NOT NULL COMMENT 'When the load started, UTC'
    """,
    cluster_by=(),
)

LMS_LOAD_DETAILS = Table(
    name="bronze.lms_load_details",
    grain="one row per event of the load under way: what the LMS answered or why it did not",
    keys=("load_id", "event_id"),
    columns="""
        load_id STRING NOT NULL COMMENT 'The load under way',
        chunk INT NOT NULL COMMENT 'The chunk that the event was fetched in',
        event_id STRING COMMENT 'LMS event identifier; NULL on an error that stopped the chunk',
        http_status INT COMMENT 'HTTP status of the last answer',
        body STRING COMMENT 'The answer as text',
        fetched_at TIMESTAMP NOT NULL COMMENT 'When the last answer arrived, UTC',
        attempts INT COMMENT 'Calls made',
        error_kind STRING COMMENT 'Why it failed: http_404, timeout and so on',
        error_message STRING COMMENT 'The same for a person'
    """,
    cluster_by=(),
)


def event_pages(staged: DataFrame) -> DataFrame:
    """The pages of the events list with their payload parsed."""
    return staged.select("load_id", "page", F.parse_json("body").alias("data_value"), "fetched_at")


def listed_events(pages: DataFrame, *, fields: LmsFields) -> DataFrame:
    """One row per element of the events list: its id, NULL if unusable, and announced sessions."""
    item = F.explode(variant_items(F.col("data_value"), fields.events)).alias("item")
    count = variant_text(F.col("item"), fields.event_session_count)
    return pages.select("load_id", "page", "fetched_at", item).select(
        F.nullif(F.trim(variant_text(F.col("item"), fields.event_id)), F.lit("")).alias("event_id"),
        count.try_cast("int").alias("expected_sessions"),
        "load_id",
        "page",
        "fetched_at",
        F.to_json("item").alias("raw"),
    )


def event_chunk(event_id: Column, *, chunks: int) -> Column:
    """The number of the chunk, from 0, that an event is fetched in; chunk 0 is half as large.

    Lanes that began together thus end one after the other, and one calls while another commits.
    """
    half = F.pmod(F.xxhash64(event_id), F.lit(2 * chunks - 1))
    return F.floor((half + 1) / 2).cast("int")


def expected_sessions(listed: DataFrame) -> DataFrame:
    """One row per listed event: when it was listed last, and the sessions announced then."""
    latest = F.struct("fetched_at", "page")
    return (
        listed.where(F.col("event_id").isNotNull())
        .groupBy("event_id")
        .agg(
            F.max_by("expected_sessions", latest).alias("expected_sessions"),
            F.max("fetched_at").alias("listed_at"),
        )
    )


def fetched_payloads(details: DataFrame) -> DataFrame:
    """The events of a load that the LMS answered, with their payload parsed."""
    return details.where(_is_fetched()).select(
        "event_id",
        F.parse_json("body").alias("data_value"),
        "http_status",
        "fetched_at",
        "load_id",
    )


def failed_events(details: DataFrame) -> DataFrame:
    """The events of a load that could not be fetched, and why."""
    kind = F.coalesce("error_kind", F.lit("payload_not_storable"))
    message = F.coalesce("error_message", F.lit("the payload is too large or too deep to store"))
    return details.where(~_is_fetched() & F.col("event_id").isNotNull()).select(
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
        F.lit(None).cast("string").alias("raw"),
        "load_id",
        F.col("fetched_at").alias("seen_at"),
    )


def broken_listings(staged: DataFrame, *, fields: LmsFields) -> DataFrame:
    """Listed events without a usable id, and pages that contradict the others, as broken rules."""
    anonymous = listed_events(event_pages(staged), fields=fields).where(F.col("event_id").isNull())
    odd_pages = staged.where(F.col("findings").isNotNull())
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
        F.lit(None).cast("string").alias("record_key"),
        raw.alias("raw"),
        "load_id",
        F.col("fetched_at").alias("seen_at"),
    )


def _is_fetched() -> Column:
    is_storable = F.try_parse_json("body").isNotNull()
    return F.col("error_kind").isNull() & F.coalesce(is_storable, F.lit(False))

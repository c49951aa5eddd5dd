"""The expectation suite of the LMS: coverage, counts, products, timing and keys.

The suite looks at summaries with a row for each listed event, session and session product, so
that a count of broken rows is a count of those things. Sessions and products that a load found
gone from the LMS are left out.
"""

from datetime import datetime
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.quality.expectations import validate
from lyceum.quality.results import CheckResult, write_results
from lyceum.quality.suites import Subject, Suite, has_rows, is_not_null, is_true
from lyceum.systems.lms.bronze import (
    LMS_EVENT_SESSION_DETAILS,
    LMS_EVENTS,
    expected_sessions,
    listed_events,
)
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.settings import LmsFieldSettings, LmsThresholds
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS
from lyceum.systems.lms.times import standard_timezone

_PRODUCT_COLUMNS = ("product_id", "product_identification", "product_name", "product_type")


def lms_suite(thresholds: LmsThresholds) -> Suite:
    """The checks of the LMS."""
    return Suite(
        name="lms",
        subjects=(_events(thresholds), _sessions(thresholds), _session_products()),
    )


def _events(thresholds: LmsThresholds) -> Subject:
    return Subject(
        name="events",
        table=LMS_EVENT_SESSION_DETAILS.name,
        rows="listed events",
        identified_by=("event_id", "expected_sessions", "found_sessions"),
        checks=(
            has_rows("events_listed", "warning", "the LMS lists events"),
            is_true(
                "event_coverage",
                "is_covered",
                "critical",
                "every listed event has session details",
                mostly=thresholds.event_coverage,
                remedy="`lyceum lms retry-failed` fetches the missing events again",
            ),
            is_true(
                "session_count",
                "count_matches",
                "warning",
                "an event has as many sessions as the events list announces",
                mostly=thresholds.session_counts,
            ),
        ),
    )


def _sessions(thresholds: LmsThresholds) -> Subject:
    timing = (
        ("session_scheduled", "is_scheduled", "a session has a start and an end"),
        ("start_readable", "is_start_readable", "a start time is in a known format"),
        ("end_readable", "is_end_readable", "an end time is in a known format"),
        ("ends_after_start", "ends_after_start", "a session does not end before it starts"),
        ("timezone_known", "has_known_timezone", "a time zone is an IANA name or an offset"),
    )
    return Subject(
        name="sessions",
        table=EVENT_SESSION_DETAILS.name,
        rows="sessions",
        identified_by=("session_id", "event_id"),
        checks=(
            is_not_null("session_id_present", "session_id", "critical", "a session has an id"),
            is_true("session_unique", "is_unique", "critical", "a session has one row"),
            is_true(
                "product_agrees",
                "product_agrees",
                "critical",
                "the product in a session's row is the first of its session products",
            ),
            *(
                is_true(check_id, column, "warning", description, mostly=thresholds.timing)
                for check_id, column, description in timing
            ),
        ),
    )


def _session_products() -> Subject:
    return Subject(
        name="session_products",
        table=EVENT_SESSION_PRODUCTS.name,
        rows="session products",
        identified_by=("session_id", "product_id"),
        checks=(
            is_true(
                "product_key_present",
                "is_key_present",
                "critical",
                "a session product names its session and its product",
            ),
            is_true(
                "product_unique",
                "is_unique",
                "critical",
                "a session has one row for each of its products",
            ),
            is_true(
                "product_session_exists",
                "is_session_present",
                "critical",
                "the session of a session product exists",
            ),
        ),
    )


def event_coverage(expected: DataFrame, fetched: DataFrame, sessions: DataFrame) -> DataFrame:
    """One row per listed event: sessions announced and found, and whether they agree.

    Details from before the event was listed last do not cover it: a load keeps them for an event
    that it could not fetch.
    `count_matches` is NULL for an event that announces no number or has no session details: the
    latter is a matter of coverage alone.
    """
    details = fetched.select("event_id", F.col("fetched_at").alias("details_at"))
    counts = _current(sessions).groupBy("event_id").agg(F.count("*").alias("session_count"))
    is_covered = F.coalesce(F.col("details_at") >= F.col("listed_at"), F.lit(False))
    found = F.coalesce("session_count", F.lit(0))
    return (
        expected.join(details, on="event_id", how="left")
        .join(counts, on="event_id", how="left")
        .select(
            "event_id",
            "expected_sessions",
            found.alias("found_sessions"),
            is_covered.alias("is_covered"),
            F.when(is_covered, F.col("expected_sessions") == found).alias("count_matches"),
        )
    )


def session_checks(sessions: DataFrame, products: DataFrame) -> DataFrame:
    """One row per current session: is its key unique, its product right, its schedule usable?

    A check of something that the session does not give, such as its time zone, is NULL.
    """
    first_first = Window.partitionBy("session_id").orderBy("product_position")
    ranked = _current(products).withColumn("rank", F.row_number().over(first_first))
    first_products = ranked.where(F.col("rank") == 1).select(
        "session_id", *(F.col(c).alias(f"first_{c}") for c in _PRODUCT_COLUMNS)
    )
    agrees = (F.col(c).eqNullSafe(F.col(f"first_{c}")) for c in _PRODUCT_COLUMNS)
    return (
        _current(sessions)
        .withColumn("is_unique", _is_unique("session_id"))
        .join(first_products, on="session_id", how="left")
        .transform(_timing)
        .select(
            "session_id",
            "event_id",
            "is_unique",
            reduce(and_, agrees).alias("product_agrees"),
            "is_scheduled",
            "is_start_readable",
            "is_end_readable",
            "ends_after_start",
            "has_known_timezone",
        )
    )


def session_product_checks(products: DataFrame, sessions: DataFrame) -> DataFrame:
    """One row per current session product: is its key present and unique, is its session there?"""
    present = _current(sessions).select("session_id", F.lit(True).alias("is_there")).distinct()
    has_key = F.col("session_id").isNotNull() & F.col("product_id").isNotNull()
    return (
        _current(products)
        .withColumn("is_unique", _is_unique("session_id", "product_id"))
        .join(present, on="session_id", how="left")
        .select(
            "session_id",
            "product_id",
            has_key.alias("is_key_present"),
            "is_unique",
            F.coalesce("is_there", F.lit(False)).alias("is_session_present"),
        )
    )


def check_lms(
    lake: Lakehouse,
    *,
    load_id: str,
    checked_at: datetime,
    fields: LmsFields | None = None,
    thresholds: LmsThresholds | None = None,
) -> list[CheckResult]:
    """Check the tables of the LMS; results go to `ops.quality_results` and to Data Docs.

    Checking a load again writes its results only once. `gate` turns the results into an error.
    """
    sessions = lake.read(EVENT_SESSION_DETAILS)
    products = lake.read(EVENT_SESSION_PRODUCTS)
    fetched = lake.read(LMS_EVENT_SESSION_DETAILS)
    fields = fields or lake.config.of(LmsFieldSettings)
    listed = listed_events(lake.read(LMS_EVENTS), fields=fields)
    frames = {
        "events": event_coverage(expected_sessions(listed), fetched, sessions),
        "sessions": session_checks(sessions, products),
        "session_products": session_product_checks(products, sessions),
    }
    results = validate(
        lms_suite(thresholds or lake.config.of(LmsThresholds)),
        frames,
        run_id=load_id,
        checked_at=checked_at,
        docs_folder=lake.config.home / "data_docs",
    )
    write_results(lake, results)
    return results


def _current(rows: DataFrame) -> DataFrame:
    return rows.where(F.col("removed_at").isNull())


def _is_unique(*keys: str) -> Column:
    return F.count("*").over(Window.partitionBy(*keys)) == 1


def _timing(sessions: DataFrame) -> DataFrame:
    start, end, zone = F.col("start_time"), F.col("end_time"), F.col("timezone")
    starts_at, ends_at = F.col("starts_at"), F.col("ends_at")
    return sessions.withColumns(
        {
            "is_scheduled": start.isNotNull() & end.isNotNull(),
            "is_start_readable": F.when(start.isNotNull(), starts_at.isNotNull()),
            "is_end_readable": F.when(end.isNotNull(), ends_at.isNotNull()),
            "ends_after_start": ends_at >= starts_at,
            "has_known_timezone": F.when(zone.isNotNull(), standard_timezone(zone).isNotNull()),
        }
    )

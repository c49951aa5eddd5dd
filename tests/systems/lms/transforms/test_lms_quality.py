"""The summaries that the LMS suite checks: one row a listed event, session, session product."""

from pyspark.sql import DataFrame, SparkSession

from lyceum.systems.lms.suite import event_coverage, session_checks, session_product_checks
from tables import assert_rows, draw

FETCHED = "event_id | fetched_at:timestamp\ne1 | 2026-01-02 00:00:00"
LISTED = "event_id | expected_sessions:int | listed_at:timestamp"


def _sessions(spark: SparkSession, text: str) -> DataFrame:
    """Drawn sessions; columns that are not drawn are NULL."""
    drawn = draw(spark, text)
    columns = "session_id event_id start_time end_time timezone product_id product_identification"
    missing = [c for c in f"{columns} product_name product_type".split() if c not in drawn.columns]
    times = [c for c in ("starts_at", "ends_at") if c not in drawn.columns]
    return drawn.selectExpr(
        "*",
        *(f"CAST(NULL AS STRING) AS {c}" for c in missing),
        *(f"CAST(NULL AS TIMESTAMP) AS {c}" for c in times),
    )


def _products(spark: SparkSession, text: str) -> DataFrame:
    drawn = draw(spark, text)
    return drawn.selectExpr(
        "*",
        "CAST(NULL AS STRING) AS product_identification",
        "concat('name of ', product_id) AS product_name",
        "CAST(NULL AS STRING) AS product_type",
    )


def test_an_event_without_session_details_is_not_covered(spark: SparkSession) -> None:
    """A listed event that was not fetched is not covered, and its count is not judged."""
    expected = draw(
        spark, f"{LISTED}\n e1 | 1 | 2026-01-01 00:00:00\n e2 | 1 | 2026-01-01 00:00:00"
    )
    sessions = draw(spark, "session_id | event_id | removed_at:timestamp\n s1 | e1 | NULL")
    assert_rows(
        event_coverage(expected, draw(spark, FETCHED), sessions),
        """
        event_id | expected_sessions | found_sessions | is_covered | count_matches
        e1       | 1                 | 1              | true       | true
        e2       | 1                 | 0              | false      | NULL
        """,
    )


def test_details_from_before_the_listing_do_not_cover_an_event(spark: SparkSession) -> None:
    """A load that could not fetch an event keeps the details of an earlier one."""
    expected = draw(spark, f"{LISTED}\n e1 | 1 | 2026-01-03 00:00:00")
    sessions = draw(spark, "session_id | event_id | removed_at:timestamp\n s1 | e1 | NULL")
    assert_rows(
        event_coverage(expected, draw(spark, FETCHED), sessions),
        "event_id | is_covered | count_matches\n e1 | false | NULL",
    )


def test_a_removed_session_does_not_count(spark: SparkSession) -> None:
    """An event that announces two sessions and has one current one does not match."""
    expected = draw(spark, f"{LISTED}\n e1 | 2 | 2026-01-01 00:00:00")
    sessions = draw(
        spark,
        """
        session_id | event_id | removed_at:timestamp
        s1         | e1       | NULL
        s2         | e1       | 2026-01-02 00:00:00
        """,
    )
    assert_rows(
        event_coverage(expected, draw(spark, FETCHED), sessions),
        "event_id | found_sessions | count_matches\n e1 | 1 | false",
    )


def test_a_count_that_is_not_announced_is_not_judged(spark: SparkSession) -> None:
    """Without a session count in the events list there is nothing to compare with."""
    expected = draw(spark, f"{LISTED}\n e1 | NULL | 2026-01-01 00:00:00")
    sessions = draw(spark, "session_id | event_id | removed_at:timestamp\n s1 | e1 | NULL")
    assert_rows(
        event_coverage(expected, draw(spark, FETCHED), sessions),
        "event_id | is_covered | count_matches\n e1 | true | NULL",
    )


def test_timing_is_judged_where_it_is_given(spark: SparkSession) -> None:
    """Readable times and known zones pass, garbage fails, what is absent is not judged."""
    sessions = _sessions(
        spark,
        """
        session_id | start_time       | end_time         | timezone   | starts_at:timestamp | ends_at:timestamp   | removed_at:timestamp
        good       | 2026-01-01 10:00 | 2026-01-01 11:00 | Asia/Tokyo | 2026-01-01 01:00:00 | 2026-01-01 02:00:00 | NULL
        backwards  | 2026-01-01 10:00 | 1.1.2026 09:00   | +02:00     | 2026-01-01 08:00:00 | 2026-01-01 07:00:00 | NULL
        garbage    | tomorrow         | 2026-01-01 11:00 | Mars/Base  | NULL                | 2026-01-01 11:00:00 | NULL
        empty      | NULL             | NULL             | NULL       | NULL                | NULL                | NULL
        """,
    )
    products = _products(
        spark, "session_id | product_id | product_position:int | removed_at:timestamp"
    )
    columns = "session_id | is_scheduled | is_start_readable | is_end_readable"
    assert_rows(
        session_checks(sessions, products),
        f"""
        {columns} | ends_after_start | has_known_timezone
        good      | true  | true  | true | true  | true
        backwards | true  | true  | true | false | true
        garbage   | true  | false | true | NULL  | false
        empty     | false | NULL  | NULL | NULL  | NULL
        """,
    )


def test_a_sessions_product_is_its_first_session_product(spark: SparkSession) -> None:
    """The product columns agree with the first current product row, or both have none."""
    sessions = _sessions(
        spark,
        """
        session_id | product_id | product_name | removed_at:timestamp
        agrees     | p1         | name of p1   | NULL
        other      | p9         | name of p9   | NULL
        renamed    | p1         | old name     | NULL
        lacks_row  | p1         | name of p1   | NULL
        lacks_id   | NULL       | NULL         | NULL
        none       | NULL       | NULL         | NULL
        """,
    )
    products = _products(
        spark,
        """
        session_id | product_id | product_position:int | removed_at:timestamp
        agrees     | p0         | 0                    | 2026-01-02 00:00:00
        agrees     | p1         | 1                    | NULL
        agrees     | p2         | 2                    | NULL
        other      | p1         | 0                    | NULL
        renamed    | p1         | 0                    | NULL
        lacks_id   | p1         | 0                    | NULL
        """,
    )
    assert_rows(
        session_checks(sessions, products),
        """
        session_id | product_agrees
        agrees     | true
        other      | false
        renamed    | false
        lacks_row  | false
        lacks_id   | false
        none       | true
        """,
    )


def test_a_key_that_occurs_twice_is_not_unique(spark: SparkSession) -> None:
    """Both rows of a repeated session are broken; a removed one is no repetition."""
    sessions = _sessions(
        spark,
        """
        session_id | event_id | removed_at:timestamp
        s1         | e1       | NULL
        s1         | e2       | NULL
        s2         | e1       | NULL
        s2         | e2       | 2026-01-02 00:00:00
        """,
    )
    products = _products(
        spark, "session_id | product_id | product_position:int | removed_at:timestamp"
    )
    assert_rows(
        session_checks(sessions, products),
        """
        session_id | event_id | is_unique
        s1         | e1       | false
        s1         | e2       | false
        s2         | e1       | true
        """,
    )


def test_a_session_product_needs_its_session(spark: SparkSession) -> None:
    """A product of an unknown or removed session, without a key or repeated, is told apart."""
    sessions = _sessions(
        spark,
        """
        session_id | removed_at:timestamp
        s1         | NULL
        gone       | 2026-01-02 00:00:00
        """,
    )
    products = draw(
        spark,
        """
        session_id | product_id | removed_at:timestamp
        s1         | p1         | NULL
        s1         | p2         | NULL
        s1         | p2         | NULL
        s1         | NULL       | NULL
        gone       | p1         | NULL
        unknown    | p1         | NULL
        unknown    | p2         | 2026-01-02 00:00:00
        """,
    )
    assert_rows(
        session_product_checks(products, sessions),
        """
        session_id | product_id | is_key_present | is_unique | is_session_present
        s1         | p1         | true           | true      | true
        s1         | p2         | true           | false     | true
        s1         | p2         | true           | false     | true
        s1         | NULL       | false          | true      | true
        gone       | p1         | true           | true      | false
        unknown    | p1         | true           | true      | false
        """,
    )

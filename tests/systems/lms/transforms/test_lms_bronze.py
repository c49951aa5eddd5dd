"""What becomes of the answers of the LMS before anybody looks into the sessions."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.systems.lms.bronze import (
    ANSWER_COLUMNS,
    PAGE_COLUMNS,
    broken_fetches,
    broken_listings,
    event_pages,
    expected_sessions,
    failed_events,
    fetched_payloads,
    listed_events,
)
from lyceum.systems.lms.fields import LmsFields
from tables import assert_rows, draw


def declared(spark: SparkSession, text: str, columns: str) -> DataFrame:
    """The drawn rows in the declared columns; what is not drawn is NULL."""
    schema = spark.createDataFrame([], columns).schema
    drawn = draw(spark, text, {field.name: field.dataType.simpleString() for field in schema})
    return drawn.select(
        *(
            field.name
            if field.name in drawn.columns
            else F.lit(None).cast(field.dataType).alias(field.name)
            for field in schema
        )
    )


def pages(spark: SparkSession, text: str) -> DataFrame:
    return declared(spark, text, PAGE_COLUMNS)


def test_an_answer_is_fetched_as_it_came_or_failed(spark):
    """A payload that no engine reads is no payload: it fails, as an answer with an error does."""
    deep = '{"a":' * 1100 + "1" + "}" * 1100
    answers = declared(
        spark,
        f"""
        load_id | event_id | http_status | body                 | fetched_at          | attempts | error_kind | error_message
        l1      | good     | 200         | {{"data": {{"n":1.50}} }} | 2026-01-01 00:00:00 | 1    | NULL       | NULL
        l1      | cut      | 200         | {{"data":            | 2026-01-01 00:00:00 | 1        | NULL       | NULL
        l1      | list     | 200         | []                   | 2026-01-01 00:00:00 | 1        | NULL       | NULL
        l1      | deep     | 200         | {deep}               | 2026-01-01 00:00:00 | 1        | NULL       | NULL
        l1      | nothing  | 200         | NULL                 | 2026-01-01 00:00:00 | 1        | NULL       | NULL
        l1      | missing  | 404         | {{}}                 | 2026-01-01 00:00:00 | 2        | http_404   | not found
        l1      | NULL     | NULL        | NULL                 | 2026-01-01 00:00:00 | 1        | outage     | gone
        """,
        ANSWER_COLUMNS,
    )
    assert_rows(
        fetched_payloads(answers),
        """
        event_id | data_value           | http_status | fetched_at          | load_id
        good     | {"data": {"n":1.50} } | 200        | 2026-01-01 00:00:00 | l1
        """,
    )
    assert_rows(
        broken_fetches(failed_events(answers)),
        """
        source_key | record_key | rule              | severity | detail
        cut        | cut        | event_not_fetched | rejected | payload_not_storable: the payload is no JSON object, or too deep
        list       | list       | event_not_fetched | rejected | payload_not_storable: the payload is no JSON object, or too deep
        deep       | deep       | event_not_fetched | rejected | payload_not_storable: the payload is no JSON object, or too deep
        nothing    | nothing    | event_not_fetched | rejected | payload_not_storable: the payload is no JSON object, or too deep
        missing    | missing    | event_not_fetched | rejected | http_404: not found
        """,
    )


def test_the_events_are_what_the_pages_list(spark):
    """Ids are text as it came, a long number too; a listed thing without one is no event."""
    listed = listed_events(
        event_pages(
            pages(
                spark,
                """
                load_id | page | body                                                                  | fetched_at
                l1      | 1    | {"data":[{"id":" e1 ","session_count":2},{"id":7,"session_count":"x"}]} | 2026-01-01 00:00:00
                l1      | 2    | {"data":[{"id":123456789012345678901},{"id":" "},{"id":["e"]},"e9",null]} | 2026-01-02 00:00:00
                l1      | 3    | {"data":[]}                                                           | 2026-01-03 00:00:00
                """,
            )
        ),
        fields=LmsFields(),
    )
    assert_rows(
        listed.withColumn("event_id", F.translate("event_id", " ", "_")),
        """
        event_id              | expected_sessions | page
        _e1_                  | 2                 | 1
        7                     | NULL              | 1
        123456789012345678901 | NULL              | 2
        NULL                  | NULL              | 2
        NULL                  | NULL              | 2
        NULL                  | NULL              | 2
        NULL                  | NULL              | 2
        """,
    )


def test_the_sessions_of_an_event_are_expected_as_it_was_listed_last(spark):
    listed = draw(
        spark,
        """
        event_id | expected_sessions:int | fetched_at:timestamp | page:int
        e1       | 1                     | 2026-01-01 00:00:00  | 2
        e1       | 2                     | 2026-01-02 00:00:00  | 1
        e2       | 5                     | 2026-01-01 00:00:00  | 1
        e2       | NULL                  | 2026-01-01 00:00:00  | 2
        NULL     | 9                     | 2026-01-01 00:00:00  | 2
        """,
    )
    assert_rows(
        expected_sessions(listed),
        """
        event_id | expected_sessions | listed_at
        e1       | 2                 | 2026-01-02 00:00:00
        e2       | NULL              | 2026-01-01 00:00:00
        """,
    )


def test_a_listed_event_without_id_and_an_odd_page_are_broken_rules(spark):
    found = pages(
        spark,
        """
        load_id | page | body                             | fetched_at          | findings
        l1      | 1    | {"data":[{"id":"e1"},{"name":"x"}]} | 2026-01-01 00:00:00 | NULL
        l1      | 2    | {"data":[{"id":"e2"}]}           | 2026-01-01 00:00:00 | total changed
        """,
    )
    assert_rows(
        broken_listings(found, fields=LmsFields()),
        """
        rule                     | severity | detail                   | source_key  | record_key | position | raw           | load_id | seen_at
        event_without_id         | rejected | a listed event has no id | events list | page 1     | 1        | {"name":"x"}  | l1      | 2026-01-01 00:00:00
        inconsistent_events_list | flagged  | total changed            | events list | page 2     | NULL     | total changed | l1      | 2026-01-01 00:00:00
        """,
    )

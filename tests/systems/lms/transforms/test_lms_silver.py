"""What becomes of the session details that the LMS sends."""

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.quality.rules import broken_rules
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.silver import (
    SESSION_RULES,
    event_session_details,
    event_session_products,
    removed,
    session_records,
)
from tables import assert_rows, draw


def records(spark: SparkSession, text: str, fields: LmsFields | None = None) -> DataFrame:
    header, *lines = text.strip().splitlines()
    types = "event_id | fetched_at:timestamp | data_value"
    assert header.split() == ["event_id", "|", "fetched_at", "|", "data_value"]
    payloads = draw(spark, "\n".join([types, *lines])).withColumn("load_id", F.lit("l1"))
    return session_records(payloads, fields=fields or LmsFields())


def one_session(spark: SparkSession, session: str) -> DataFrame:
    return records(
        spark,
        f"""
        event_id | fetched_at          | data_value
        e1       | 2026-01-01 00:00:00 | {{"data":{{"sessions":[{session}]}}}}
        """,
    )


def rules(found: DataFrame) -> list[str]:
    broken = broken_rules(found, rules=SESSION_RULES)
    return sorted(row.rule for row in broken.select("rule").collect())


def test_every_field_of_a_session_lands_in_its_column(spark):
    found = one_session(
        spark,
        '{"id":"s1","eval_id":"v1","start_time":"2026-03-01T09:00:00","end_time":'
        '"2026-03-01T10:00:00","timezone":"Europe/Berlin","title":"Safety 🎓 أمان","products":'
        '[{"id":"p1","identification":"P-1","name":"Basics","type":"course"}]}',
    )
    assert_rows(
        event_session_details(found),
        """
        session_id | eval_id | start_time          | end_time            | timezone      | product_id | product_identification | product_name | product_type | session_title  | starts_at           | ends_at             | event_id | updated_at          | removed_at
        s1         | v1      | 2026-03-01T09:00:00 | 2026-03-01T10:00:00 | Europe/Berlin | p1         | P-1                    | Basics       | course       | Safety 🎓 أمان | 2026-03-01 08:00:00 | 2026-03-01 09:00:00 | e1       | 2026-01-01 00:00:00 | NULL
        """,
    )
    assert rules(found) == []


def test_the_latest_payload_wins(spark):
    """A session seen twice keeps the version fetched last, and the other is quarantined."""
    found = records(
        spark,
        """
        event_id | fetched_at          | data_value
        e1       | 2026-01-01 00:00:00 | {"data":{"sessions":[{"id":"s1","title":"old"}]}}
        e1       | 2026-01-02 00:00:00 | {"data":{"sessions":[{"id":"s1","title":"new"}]}}
        """,
    )
    assert_rows(
        event_session_details(found),
        """
        session_id | session_title | updated_at
        s1         | new           | 2026-01-02 00:00:00
        """,
    )
    assert rules(found) == ["session_repeated"]


@pytest.mark.parametrize(("first", "second"), [("01", "02"), ("02", "01")])
def test_a_session_in_two_events_belongs_to_the_one_with_the_greatest_id(spark, first, second):
    """Whichever was fetched first: an unchanged LMS that is loaded again changes nothing."""
    found = records(
        spark,
        f"""
        event_id | fetched_at                | data_value
        e1       | 2026-01-{first} 00:00:00  | {{"data":{{"sessions":[{{"id":"s1"}}]}}}}
        e2       | 2026-01-{second} 00:00:00 | {{"data":{{"sessions":[{{"id":"s1"}},{{"id":"s2"}}]}}}}
        """,
    )
    assert_rows(
        event_session_details(found),
        """
        session_id | event_id
        s1         | e2
        s2         | e2
        """,
    )
    assert_rows(
        broken_rules(found, rules=SESSION_RULES),
        """
        source_key | record_key | rule
        e1         | s1         | session_in_two_events
        """,
    )


def test_a_session_twice_in_one_payload_counts_once_the_later_one(spark):
    found = one_session(spark, '{"id":"s1","title":"a"},{"id":"s1","title":"b"}')
    assert_rows(
        event_session_details(found),
        """
        session_id | session_title
        s1         | b
        """,
    )
    assert rules(found) == ["session_repeated"]


@pytest.mark.parametrize(
    ("session", "rule"),
    [
        ('{"title":"no id"}', "session_without_id"),
        ('{"id":null}', "session_without_id"),
        ('{"id":"  "}', "session_without_id"),
        ('{"id":true}', "session_id_wrong_type"),
        ('{"id":1.5}', "session_id_wrong_type"),
        ('{"id":{"value":"s1"}}', "session_id_wrong_type"),
        ('{"id":["s1"]}', "session_id_wrong_type"),
        ('"s1"', "session_not_an_object"),
        ('"{\\"id\\":\\"s1\\"}"', "session_not_an_object"),
        ("null", "session_not_an_object"),
        ("[]", "session_not_an_object"),
    ],
)
def test_a_session_without_a_usable_id_is_rejected_alone(spark, session, rule):
    found = one_session(spark, f'{session},{{"id":"good"}}')
    assert_rows(
        event_session_details(found),
        """
        session_id
        good
        """,
    )
    assert rules(found) == [rule]


@pytest.mark.parametrize("number", ["12", "-9223372036854775809", "123456789012345678901234567890"])
def test_a_whole_number_as_id_is_text(spark, number):
    """Of any length, every digit of it: in a product and the evaluation system too."""
    found = one_session(
        spark, f'{{"id":{number},"eval_id":{number},"products":[{{"id":{number}}}]}}'
    )
    assert_rows(
        event_session_details(found),
        f"""
        session_id | eval_id  | product_id
        {number}   | {number} | {number}
        """,
    )
    assert rules(found) == []


@pytest.mark.parametrize("payload", ['{"data":{}}', '{"data":{"sessions":{}}}', "[]", '{"x":1}'])
def test_a_payload_without_a_session_list_is_quarantined(spark, payload):
    found = records(
        spark,
        f"""
        event_id | fetched_at          | data_value
        e1       | 2026-01-01 00:00:00 | {payload}
        """,
    )
    assert event_session_details(found).isEmpty()
    assert rules(found) == ["payload_without_sessions"]


def test_a_time_that_nobody_can_read_stays_as_text_without_an_instant(spark):
    found = one_session(
        spark, '{"id":"s1","start_time":"soon","end_time":"1/31/2026 3:05 PM","timezone":"+02:00"}'
    )
    assert_rows(
        event_session_details(found),
        """
        start_time | end_time          | starts_at | ends_at
        soon       | 1/31/2026 3:05 PM | NULL      | 2026-01-31 13:05:00
        """,
    )


def test_an_empty_session_list_is_no_fault(spark):
    found = one_session(spark, "")
    assert event_session_details(found).isEmpty()
    assert rules(found) == []


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ('"timezone":"Mars/Olympus"', "unknown_timezone"),
        ('"start_time":"soon"', "unreadable_start_time"),
        ('"end_time":"2026-13-01T00:00:00Z"', "unreadable_end_time"),
        (
            '"start_time":"2026-01-02T00:00:00Z","end_time":"2026-01-01T00:00:00Z"',
            "ends_before_start",
        ),
        ('"title":{"de":"Titel"}', "unreadable_field"),
        ('"products":[null]', "unusable_product"),
        ('"products":[{"name":"no id"}]', "unusable_product"),
        ('"products":[[{"id":"p1"}]]', "unusable_product"),
        ('"products":["{\\"id\\":\\"p1\\"}"]', "unusable_product"),
        ('"products":{"id":"p1"}', "unusable_product"),
    ],
)
def test_a_suspicious_session_lands_and_is_flagged(spark, fields, rule):
    found = one_session(spark, f'{{"id":"s1",{fields}}}')
    assert_rows(
        event_session_details(found),
        """
        session_id
        s1
        """,
    )
    assert rules(found) == [rule]


@pytest.mark.parametrize("products", ["null", "[]"])
def test_a_session_without_products_has_no_product_columns(spark, products):
    found = one_session(spark, f'{{"id":"s1","products":{products}}}')
    assert_rows(
        event_session_details(found),
        """
        session_id | product_id | product_name
        s1         | NULL       | NULL
        """,
    )
    assert rules(found) == []


def test_the_first_usable_product_stands_in_the_session_and_all_in_the_products(spark):
    found = one_session(
        spark,
        '{"id":"s1","products":[{"name":"no id"},{"id":"p2","name":"B"},{"id":"p3","name":"C"},'
        '{"id":"p2","name":"again"}]}',
    )
    assert_rows(
        event_session_details(found),
        """
        session_id | product_id | product_name
        s1         | p2         | B
        """,
    )
    assert_rows(
        event_session_products(found),
        """
        session_id | product_id | product_position | product_name | event_id
        s1         | p2         | 0                | B            | e1
        s1         | p3         | 1                | C            | e1
        """,
    )


def test_the_products_of_a_superseded_version_do_not_count(spark):
    found = records(
        spark,
        """
        event_id | fetched_at          | data_value
        e1       | 2026-01-01 00:00:00 | {"data":{"sessions":[{"id":"s1","products":[{"id":"p1"}]}]}}
        e1       | 2026-01-02 00:00:00 | {"data":{"sessions":[{"id":"s1","products":[{"id":"p2"}]}]}}
        """,
    )
    assert_rows(
        event_session_products(found),
        """
        session_id | product_id
        s1         | p2
        """,
    )


def test_fields_are_found_where_the_settings_say(spark):
    """Every path into the payload is a setting."""
    fields = LmsFields(sessions="result.items", session_id="key", session_title="text.en")
    found = records(
        spark,
        """
        event_id | fetched_at          | data_value
        e1       | 2026-01-01 00:00:00 | {"result":{"items":[{"key":"s1","text":{"en":"Hello"}}]}}
        """,
        fields,
    )
    assert_rows(
        event_session_details(found),
        """
        session_id | session_title
        s1         | Hello
        """,
    )


def test_a_session_no_longer_found_is_marked_once(spark):
    """Rows that are found, or are marked already, are not among the removed."""
    current = draw(
        spark,
        """
        session_id | session_title | updated_at:timestamp | removed_at:timestamp
        s1         | stays         | 2026-01-01 00:00:00  | NULL
        s2         | vanished      | 2026-01-01 00:00:00  | NULL
        s3         | long gone     | 2026-01-01 00:00:00  | 2026-01-01 00:00:00
        """,
    )
    found = draw(
        spark,
        """
        session_id
        s1
        """,
    )
    at = F.lit("2026-01-05 00:00:00").cast("timestamp")
    assert_rows(
        removed(current, found, keys=("session_id",), removed_at=at),
        """
        session_id | session_title | updated_at          | removed_at
        s2         | vanished      | 2026-01-05 00:00:00 | 2026-01-05 00:00:00
        """,
    )

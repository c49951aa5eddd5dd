"""Messages become typed events, each once a day, and what is no event says why."""

import json

from pyspark.sql import functions as F

from lyceum.quality.rules import broken_rules
from lyceum.systems.stream.silver import EVENT_RULES, event_records, learner_events
from tables import assert_rows, draw

MESSAGE = {
    "partition": "int",
    "offset": "bigint",
    "ingested_at": "timestamp",
}


def messages(spark, *values, partition=0, at="2026-03-02 10:00:00Z"):
    """One message a value, at the offsets from 0 on."""
    rows = [
        ("events_raw", partition, n, None, value, None, None, None)
        for n, value in enumerate(values)
    ]
    columns = """topic STRING, partition INT, offset BIGINT, key STRING, value STRING,
        undecodable STRING, timestamp TIMESTAMP, headers STRING"""
    frame = spark.createDataFrame(rows, columns)
    return frame.select("*", F.lit(at).cast("timestamp").alias("ingested_at"))


def event(**fields):
    """An event as JSON with just these fields beside those that each has."""
    known = {"event_id": "e", "event_type": "heartbeat", "tenant_id": "t", "learner_id": "l"}
    known |= {"occurred_at": "2026-03-02T09:00:00Z"} | fields
    return json.dumps({name: value for name, value in known.items() if value is not None})


def test_a_message_becomes_a_typed_event(spark):
    """Times are instants of UTC whatever their offset; what is not there is NULL."""
    answered = event(
        event_id="a",
        event_type="question_answered",
        session_id="s",
        content_id="c",
        occurred_at="2026-03-02T00:30:00.125+02:00",
        payload={"correct": False, "score": 12.50004, "duration_ms": 1500.4},
    )
    updated = event(
        event_id="b",
        event_type="mastery_updated",
        skill_id="k",
        occurred_at="2026-03-02T00:00:00Z",
        payload={"mastery": 0.12345678, "duration_ms": 2},
    )
    assert_rows(
        learner_events(event_records(messages(spark, answered, updated))),
        """
        date_key | event_id | event_type        | session_id | content_id | skill_id | occurred_at              | correct | score   | duration_ms | mastery  | _partition | _offset
        20260301 | a        | question_answered | s          | c          | NULL     | 2026-03-01 22:30:00.125Z | false   | 12.5000 | 1500        | NULL     | 0          | 0
        20260302 | b        | mastery_updated   | NULL       | NULL       | k        | 2026-03-02 00:00:00Z     | NULL    | NULL    | 2           | 0.123457 | 0          | 1
        """,
    )


def test_the_first_of_equal_ids_of_a_day_stays(spark):
    """The day is the event's, UTC: the same id on another day is another event."""
    found = learner_events(
        event_records(
            messages(
                spark,
                event(event_id="a", occurred_at="2026-03-01T23:59:59.999999Z"),
                event(event_id="a", occurred_at="2026-03-02T00:00:00Z"),
                event(event_id="a", occurred_at="2026-03-02T00:00:00Z"),
                event(event_id="a", occurred_at="2026-03-02T01:00:00+01:00"),
            )
        )
    )
    assert_rows(
        found,
        """
        date_key | event_id | _offset
        20260301 | a        | 0
        20260302 | a        | 1
        """,
    )


BROKEN = [
    (event(), []),
    (event(event_type="game_won"), ["unknown_type"]),
    (event(occurred_at="2026-03-02T10:05:00Z"), []),
    (event(occurred_at="2026-03-02T10:05:00.000001Z"), ["future_time"]),
    (event(payload={"duration_ms": "long", "score": None}), ["invalid_measure"]),
    (event(payload={"duration_ms": -1}), ["invalid_measure"]),
    (event(payload="text"), []),
    (None, ["malformed"]),
    ("", ["malformed"]),
    ("{}", ["malformed"]),
    ("[1]", ["malformed"]),
    ('{"event_id": "a"', ["malformed"]),
    (event(event_id=""), ["missing_event_id"]),
    (event(tenant_id=None, learner_id=" "), ["missing_learner_id", "missing_tenant_id"]),
    (event(event_type=None), ["missing_event_type"]),
    (event(event_type="session_ended"), ["missing_session_id"]),
    (event(event_type="content_viewed"), ["missing_content_id"]),
    (event(occurred_at=None), ["invalid_time"]),
    (event(occurred_at="2026-03-02T09:00:00"), ["invalid_time"]),
    (event(occurred_at="2026-02-29T09:00:00Z"), ["invalid_time"]),
    (event(occurred_at="1970-01-01T00:00:00Z"), ["invalid_time"]),
    (event(event_type="question_answered", payload={"correct": "yes"}), ["invalid_answer"]),
    (event(event_type="mastery_updated", skill_id="k"), ["invalid_mastery"]),
    (
        event(event_type="mastery_updated", payload={"mastery": 1.01}),
        ["invalid_mastery", "missing_skill_id"],
    ),
]


def test_what_is_no_event_says_which_rules_it_breaks(spark):
    """Each with the partition and offset of its message, and the message as it came."""
    records = event_records(messages(spark, *(value for value, _ in BROKEN)))
    found = broken_rules(records, rules=EVENT_RULES).collect()
    expected = [
        ("events_raw/0", str(offset), rule, value)
        for offset, (value, rules) in enumerate(BROKEN)
        for rule in rules
    ]
    assert sorted((r.source_key, r.record_key, r.rule, r.raw) for r in found) == sorted(
        expected, key=lambda row: row[:3]
    )


def test_only_rejected_records_are_kept_from_the_table(spark):
    values = (event(event_id="a", event_type="game_won"), event(event_id="b", tenant_id=None))
    assert_rows(
        learner_events(event_records(messages(spark, *values))),
        """
        event_id | event_type
        a        | game_won
        """,
    )


def test_a_message_that_is_no_text_keeps_its_bytes(spark):
    rows = draw(
        spark,
        """
        topic      | partition | offset | value | undecodable | ingested_at
        events_raw | 3         | 7      | NULL  | /0E=        | 2026-03-02 10:00:00Z
        """,
        MESSAGE,
    )
    assert_rows(
        broken_rules(event_records(rows), rules=EVENT_RULES),
        """
        rule      | severity | source_key   | record_key | raw
        malformed | rejected | events_raw/3 | 7          | /0E=
        """,
    )

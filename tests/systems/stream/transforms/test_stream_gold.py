"""Every figure of the learner stream: by minute, by session, by change of mastery."""

from lyceum.systems.stream.gold.mastery_deltas import learner_mastery, mastery_deltas
from lyceum.systems.stream.gold.minute_metrics import minute_metrics
from lyceum.systems.stream.gold.session_metrics import session_metrics
from tables import assert_rows, draw

EVENT = {
    "date_key": "int",
    "occurred_at": "timestamp",
    "correct": "boolean",
    "duration_ms": "bigint",
    "mastery": "decimal(9,6)",
}


def test_a_minute_counts_what_each_learner_did_in_it(spark):
    """Contents are counted once; an answer that says nothing of its time took none."""
    events = draw(
        spark,
        """
        date_key | event_type        | tenant_id | learner_id | content_id | occurred_at               | correct | duration_ms
        20260302 | content_viewed    | t         | ada        | c1         | 2026-03-02 09:00:00Z      | NULL    | 5000
        20260302 | question_answered | t         | ada        | c1         | 2026-03-02 09:00:20Z      | true    | 70000
        20260302 | question_answered | t         | ada        | c2         | 2026-03-02 09:00:59.9999Z | false   | NULL
        20260302 | heartbeat         | t         | ada        | NULL       | 2026-03-02 09:01:00Z      | NULL    | NULL
        20260302 | game_won          | t         | bob        | c1         | 2026-03-02 09:00:30Z      | NULL    | NULL
        20260302 | heartbeat         | u         | ada        | NULL       | 2026-03-02 09:00:30Z      | NULL    | NULL
        """,
        EVENT,
    )
    assert_rows(
        minute_metrics(events),
        """
        date_key | minute               | tenant_id | learner_id | events | contents | questions | correct | time_spent_ms
        20260302 | 2026-03-02 09:00:00Z | t         | ada        | 3      | 2        | 2         | 1       | 75000
        20260302 | 2026-03-02 09:01:00Z | t         | ada        | 1      | 0        | 0         | 0       | 0
        20260302 | 2026-03-02 09:00:00Z | t         | bob        | 1      | 1        | 0         | 0       | 0
        20260302 | 2026-03-02 09:00:00Z | u         | ada        | 1      | 0        | 0         | 0       | 0
        """,
    )


SESSIONS = """
    date_key | event_id | event_type        | tenant_id | learner_id | session_id | content_id | occurred_at              | correct
    20260302 | a1       | session_started   | t         | ada        | s1         | NULL       | 2026-03-02 23:58:00Z     | NULL
    20260302 | a2       | question_answered | t         | ada        | s1         | c1         | 2026-03-02 23:59:59Z     | true
    20260303 | a3       | question_answered | t         | ada        | s1         | c1         | 2026-03-03 00:01:59Z     | false
    20260303 | a4       | question_answered | t         | ada        | s1         | c1         | 2026-03-03 00:02:00Z     | true
    20260303 | a5       | content_completed | t         | ada        | s1         | c1         | 2026-03-03 00:02:01Z     | NULL
    20260303 | a6       | content_completed | t         | ada        | s1         | c1         | 2026-03-03 00:02:02Z     | NULL
    20260303 | a7       | session_ended     | t         | ada        | s1         | NULL       | 2026-03-03 00:02:02.5Z   | NULL
    20260302 | b1       | heartbeat         | t         | bob        | s1         | NULL       | 2026-03-02 10:00:00Z     | NULL
    20260302 | n1       | heartbeat         | t         | bob        | NULL       | NULL       | 2026-03-02 10:00:00Z     | NULL
"""


def test_a_session_goes_from_its_first_event_to_its_last(spark):
    """Over midnight too. Without an end it closes half an hour after its last event."""
    assert_rows(
        session_metrics(draw(spark, SESSIONS, EVENT)),
        """
        date_key | tenant_id | learner_id | session_id | started_at           | ended_at               | closes_at              | duration_ms | idle_ms | events | questions | correct | accuracy | contents_completed | is_completed
        20260302 | t         | ada        | s1         | 2026-03-02 23:58:00Z | 2026-03-03 00:02:02.5Z | 2026-03-03 00:02:02.5Z | 242500      | 120000  | 7      | 3         | 2       | 0.6667   | 1                  | true
        20260302 | t         | bob        | s1         | 2026-03-02 10:00:00Z | 2026-03-02 10:00:00Z   | 2026-03-02 10:30:00Z   | 0           | 0       | 1      | 0         | 0       | NULL     | 0                  | false
        """,
    )


def test_what_comes_after_the_end_of_a_session_opens_it_again(spark):
    """An id that returns after a day without events is a session of its own."""
    events = draw(
        spark,
        """
        date_key | event_id | event_type    | tenant_id | learner_id | session_id | content_id | occurred_at          | correct
        20260302 | a1       | heartbeat     | t         | ada        | s          | NULL       | 2026-03-02 00:00:00Z | NULL
        20260302 | a2       | session_ended | t         | ada        | s          | NULL       | 2026-03-02 00:00:10Z | NULL
        20260303 | a3       | heartbeat     | t         | ada        | s          | NULL       | 2026-03-03 23:00:00Z | NULL
        20260305 | a4       | heartbeat     | t         | ada        | s          | NULL       | 2026-03-05 00:00:00Z | NULL
        """,
        EVENT,
    )
    assert_rows(
        session_metrics(events),
        """
        date_key | session_id | started_at           | ended_at             | closes_at            | duration_ms | idle_ms   | events | is_completed
        20260302 | s          | 2026-03-02 00:00:00Z | 2026-03-03 23:00:00Z | 2026-03-03 23:30:00Z | 169200000   | 169190000 | 3      | true
        20260305 | s          | 2026-03-05 00:00:00Z | 2026-03-05 00:00:00Z | 2026-03-05 00:30:00Z | 0           | 0         | 1      | false
        """,
    )


CHANGES = """
    date_key | event_id | event_type      | tenant_id | learner_id | skill_id | content_id | occurred_at          | mastery
    20260302 | m2       | mastery_updated | t         | ada        | k        | c1         | 2026-03-02 10:00:00Z | 0.5
    20260302 | m1       | mastery_updated | t         | ada        | k        | NULL       | 2026-03-02 10:00:00Z | 0.25
    20260301 | m3       | mastery_updated | t         | ada        | k        | NULL       | 2026-03-01 09:00:00Z | 0.3
    20260302 | m4       | mastery_updated | t         | ada        | other    | NULL       | 2026-03-02 09:00:00Z | 1
    20260302 | h1       | heartbeat       | t         | ada        | k        | NULL       | 2026-03-02 09:00:00Z | NULL
"""


def test_a_change_of_mastery_stands_beside_the_one_before_it(spark):
    """Of changes at one time the event's id says which was first."""
    earlier = draw(
        spark,
        """
        tenant_id | learner_id | skill_id | mastery:decimal(9,6)
        t         | ada        | k        | 0.1
        t         | bob        | k        | 0.9
        """,
    )
    assert_rows(
        mastery_deltas(draw(spark, CHANGES, EVENT), earlier=earlier),
        """
        date_key | event_id | skill_id | content_id | mastery_before | mastery_after | delta
        20260301 | m3       | k        | NULL       | 0.1            | 0.3           | 0.2
        20260302 | m1       | k        | NULL       | 0.3            | 0.25          | -0.05
        20260302 | m2       | k        | c1         | 0.25           | 0.5           | 0.25
        20260302 | m4       | other    | NULL       | NULL           | 1             | NULL
        """,
    )


def test_the_latest_change_is_the_mastery_now(spark):
    deltas = draw(
        spark,
        """
        date_key:int | event_id | tenant_id | learner_id | skill_id | occurred_at:timestamp | mastery_after:decimal(9,6)
        20260302     | m2       | t         | ada        | k        | 2026-03-02 10:00:00Z  | 0.5
        20260302     | m1       | t         | ada        | k        | 2026-03-02 10:00:00Z  | 0.25
        20260301     | m3       | t         | bob        | k        | 2026-03-01 09:00:00Z  | 0.3
        """,
    )
    assert_rows(
        learner_mastery(deltas),
        """
        tenant_id | learner_id | skill_id | mastery | date_key | occurred_at
        t         | ada        | k        | 0.5     | 20260302 | 2026-03-02 10:00:00Z
        t         | bob        | k        | 0.3     | 20260301 | 2026-03-01 09:00:00Z
        """,
    )

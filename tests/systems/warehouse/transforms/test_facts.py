"""Facts: what a day holds, and the keys of dimensions as of the time of each fact."""

from datetime import date

import pytest

from lyceum.systems.warehouse.gold.days import Span
from lyceum.systems.warehouse.gold.fact_focus_events import fact_focus_events
from lyceum.systems.warehouse.gold.fact_homework_events import fact_homework_events
from lyceum.systems.warehouse.gold.fact_learning_progress import fact_learning_progress
from lyceum.systems.warehouse.gold.fact_recommendation_events import fact_recommendation_events
from lyceum.systems.warehouse.gold.fact_sessions import fact_sessions
from lyceum.systems.warehouse.gold.touched import touched_days
from tables import assert_rows, draw

DAY = Span(date(2026, 1, 5), date(2026, 1, 5))
TIMES = dict.fromkeys(("started_at", "ended_at", "deleted_at", "_snapshot_at", "answered_at", "updated_at", "occurred_at", "submitted_at", "assigned_at", "due_at", "shown_at", "accepted_at", "dismissed_at", "practised_at", "effective_from", "effective_to"), "timestamp")  # fmt: skip
TYPES = TIMES | {
    "_is_deleted": "boolean", "is_correct": "boolean", "position": "int", "tenant_key": "bigint",
    "learner_key": "bigint", "subject_key": "bigint", "skill_key": "bigint", "user_key": "bigint",
    "id": "string", "attempts": "int", "correct": "int", "score": "decimal(5,2)",
    "mastery": "decimal(5,4)", "duration_ms": "int",
}  # fmt: skip
SEEN = "2026-01-06 00:00:00"


@pytest.fixture(scope="module")
def dims(spark):
    """Learner l1 moved up a grade at noon of the day; t1 never changed; l9 was deleted that day."""
    return {
        "tenants": draw(
            spark,
            """
            tenant_key | tenant_id | effective_from      | effective_to
            10         | t1        | 2026-01-01 00:00:00 | NULL
            """,
            TYPES,
        ),
        "learners": draw(
            spark,
            """
            learner_key | learner_id | effective_from      | effective_to
            21          | l1         | 2026-01-04 00:00:00 | 2026-01-05 12:00:00
            22          | l1         | 2026-01-05 12:00:00 | NULL
            29          | l9         | 2026-01-01 00:00:00 | 2026-01-05 06:00:00
            """,
            TYPES,
        ),
        "subjects": draw(spark, "subject_key | subject_code\n30 | math", TYPES),
        "skills": draw(spark, "skill_key | skill_id\n40 | s1", TYPES),
        "users": draw(spark, "user_key | user_id\n50 | u1", TYPES),
    }


def only(dims, *names):
    return {name: dims[name] for name in names}


def test_a_session_is_on_the_day_on_which_it_began_with_its_answers(spark, dims):
    """The last version counts; an end before the start gives no duration."""
    sessions = draw(
        spark,
        f"""
        id | tenant_id | learner_id | subject_code | device | status    | started_at          | ended_at            | deleted_at          | _is_deleted | _snapshot_at
        a  | t1        | l1         | math         | phone  | completed | 2026-01-05 00:00:00 | 2026-01-05 00:10:00 | NULL                | false       | {SEEN}
        b  | t1        | l1         | NULL         | NULL   | abandoned | 2026-01-05 23:59:59 | NULL                | NULL                | false       | {SEEN}
        c  | t1        | l1         | math         | phone  | completed | 2026-01-05 10:00:00 | 2026-01-05 09:00:00 | NULL                | false       | {SEEN}
        d  | t1        | l1         | math         | phone  | completed | 2026-01-04 23:59:59 | 2026-01-05 00:10:00 | NULL                | false       | {SEEN}
        e  | t1        | l1         | math         | phone  | completed | 2026-01-06 00:00:00 | NULL                | NULL                | false       | {SEEN}
        f  | t1        | l1         | math         | phone  | completed | 2026-01-05 10:00:00 | NULL                | 2026-01-05 11:00:00 | false       | {SEEN}
        g  | t1        | l1         | math         | phone  | completed | 2026-01-05 10:00:00 | NULL                | NULL                | false       | 2026-01-05 10:30:00
        g  | NULL      | NULL       | NULL         | NULL   | NULL      | NULL                | NULL                | NULL                | true        | {SEEN}
        h  | t1        | l1         | math         | phone  | completed | 2026-01-05 10:00:00 | NULL                | NULL                | false       | 2026-01-05 10:30:00
        h  | t1        | l1         | math         | phone  | completed | 2026-01-07 10:00:00 | NULL                | NULL                | false       | {SEEN}
        i  | t1        | l1         | math         | phone  | completed | 2026-01-07 10:00:00 | NULL                | NULL                | false       | 2026-01-05 10:30:00
        i  | t1        | l1         | math         | phone  | completed | 2026-01-05 10:00:00 | NULL                | NULL                | false       | {SEEN}
        """,
        TYPES,
    )
    activities = draw(
        spark,
        f"""
        session_id | position | is_correct | _is_deleted | _snapshot_at
        a          | 1        | true       | false       | {SEEN}
        a          | 2        | false      | false       | 2026-01-05 00:05:00
        a          | 2        | true       | false       | {SEEN}
        a          | 3        | NULL       | false       | {SEEN}
        a          | 4        | true       | false       | 2026-01-05 00:05:00
        a          | 4        | NULL       | true        | {SEEN}
        d          | 1        | true       | false       | {SEEN}
        x          | 1        | true       | false       | {SEEN}
        """,
        TYPES,
    )
    facts = fact_sessions(
        sessions, activities, **only(dims, "tenants", "learners", "subjects"), span=DAY
    )
    assert_rows(
        facts,
        """
        session_id | date_key | tenant_key | learner_key | subject_key | duration_seconds | activities_completed | correct_responses
        a          | 20260105 | 10         | 21          | 30          | 600              | 3                    | 2
        b          | 20260105 | 10         | 22          | NULL        | NULL             | 0                    | 0
        c          | 20260105 | 10         | 21          | 30          | NULL             | 0                    | 0
        i          | 20260105 | 10         | 21          | 30          | NULL             | 0                    | 0
        """,
    )


def test_a_member_is_the_one_of_the_facts_own_time(spark, dims):
    """Before the first known version that one counts; after a delete, and of strangers, -1."""
    events = draw(
        spark,
        f"""
        id | session_id | learner_id | kind       | duration_ms | occurred_at         | _is_deleted | _snapshot_at
        1  | a          | l1         | focus_lost | 5           | 2026-01-05 11:59:59 | false       | {SEEN}
        2  | a          | l1         | focus_lost | 5           | 2026-01-05 12:00:00 | false       | {SEEN}
        3  | a          | l9         | focus_lost | 5           | 2026-01-05 05:59:59 | false       | {SEEN}
        4  | a          | l9         | focus_lost | 5           | 2026-01-05 06:00:00 | false       | {SEEN}
        5  | a          | l5         | focus_lost | 5           | 2026-01-05 06:00:00 | false       | {SEEN}
        6  | a          | NULL       | focus_lost | 5           | 2026-01-05 06:00:00 | false       | {SEEN}
        7  | a          | l1         | focus_lost | 5           | 2026-01-01 06:00:00 | false       | {SEEN}
        """,
        TYPES,
    )
    span = Span(date(2026, 1, 1), date(2026, 1, 5))
    assert_rows(
        fact_focus_events(events, **only(dims, "learners"), span=span),
        """
        focus_event_id | date_key | learner_key | event_type | learner_id
        1              | 20260105 | 21          | focus_lost | l1
        2              | 20260105 | 22          | focus_lost | l1
        3              | 20260105 | 29          | focus_lost | l9
        4              | 20260105 | -1          | focus_lost | l9
        5              | 20260105 | -1          | focus_lost | l5
        6              | 20260105 | NULL        | focus_lost | NULL
        7              | 20260101 | 21          | focus_lost | l1
        """,
    )


def test_homework_knows_what_was_asked_for(spark, dims):
    """A grade counts once it is given; an assignment that is gone leaves its columns empty."""
    submissions = draw(
        spark,
        f"""
        id | assignment_id | learner_id | status    | attempts | score | submitted_at        | deleted_at | _is_deleted | _snapshot_at
        h1 | a1            | l1         | graded    | 2        | 88.50 | 2026-01-05 10:00:00 | NULL       | false       | {SEEN}
        h2 | a1            | l1         | submitted | 1        | 12.00 | 2026-01-05 09:00:00 | NULL       | false       | {SEEN}
        h3 | a2            | l1         | graded    | 1        | 50.00 | 2026-01-05 10:00:00 | NULL       | false       | {SEEN}
        h4 | a1            | l1         | graded    | 1        | 50.00 | 2026-01-06 10:00:00 | NULL       | false       | {SEEN}
        """,
        TYPES,
    )
    assignments = draw(
        spark,
        f"""
        id | tenant_id | assigned_by | subject_code | skill_id | assigned_at         | due_at              | _is_deleted | _snapshot_at
        a1 | t1        | u1          | math         | s7       | 2026-01-05 08:00:00 | 2026-01-05 09:30:00 | false       | {SEEN}
        """,
        TYPES,
    )
    facts = fact_homework_events(submissions, assignments, **dims, span=DAY)
    assert_rows(
        facts,
        """
        submission_id | date_key | tenant_key | learner_key | assigned_by_key | subject_key | skill_key | attempts | score | is_late | seconds_to_submit
        h1            | 20260105 | 10         | 21          | 50              | 30          | -1        | 2        | 88.50 | true    | 7200
        h2            | 20260105 | 10         | 21          | 50              | 30          | -1        | 1        | NULL  | false   | 3600
        h3            | 20260105 | NULL       | 21          | NULL            | NULL        | NULL      | 1        | 50.00 | NULL    | NULL
        """,
    )


def test_a_recommendation_has_an_event_for_each_thing_that_happened(spark, dims):
    """Each on its own day."""
    recommendations = draw(
        spark,
        f"""
        id | tenant_id | learner_id | skill_id | kind  | confidence:decimal(5,4) | shown_at            | accepted_at         | dismissed_at        | _is_deleted | _snapshot_at
        r1 | t1        | l1         | s1       | video | 0.9000                  | 2026-01-05 11:59:00 | 2026-01-05 12:00:00 | NULL                | false       | {SEEN}
        r2 | t1        | l1         | NULL     | break | 0.5000                  | 2026-01-04 23:00:00 | NULL                | 2026-01-05 01:00:00 | false       | {SEEN}
        r3 | t1        | l1         | s1       | video | 0.5000                  | 2026-01-05 23:00:00 | 2026-01-06 01:00:00 | NULL                | false       | {SEEN}
        """,
        TYPES,
    )
    facts = fact_recommendation_events(
        recommendations, **only(dims, "tenants", "learners", "skills"), span=DAY
    )
    assert_rows(
        facts,
        """
        recommendation_id | event_type | date_key | learner_key | skill_key | recommendation_type | seconds_after_shown
        r1                | shown      | 20260105 | 21          | 40        | video               | 0
        r1                | accepted   | 20260105 | 22          | 40        | video               | 60
        r2                | dismissed  | 20260105 | 21          | NULL      | break               | 7200
        r3                | shown      | 20260105 | 22          | 40        | video               | 0
        """,
    )


def test_progress_is_what_was_known_each_evening(spark, dims):
    """A version holds until the day before the next one; a delete ends it; the last of a day holds.

    One with an older `updated_at` than what was seen before counts from its own snapshot.
    """
    mastery = draw(
        spark,
        """
        learner_id | skill_id | mastery | attempts | correct | practised_at        | updated_at          | _is_deleted | _snapshot_at
        l1         | s1       | 0.1000  | 1        | 1       | 2026-01-02 10:00:00 | 2026-01-02 10:00:00 | false       | 2026-01-02 11:00:00
        l1         | s1       | 0.2000  | 2        | 1       | 2026-01-02 12:00:00 | 2026-01-02 12:00:00 | false       | 2026-01-02 13:00:00
        l1         | s1       | 0.3000  | 3        | 1       | 2026-01-05 12:00:00 | 2026-01-05 12:00:00 | false       | 2026-01-05 13:00:00
        l1         | s2       | 0.5000  | 9        | 5       | NULL                | 2026-01-04 10:00:00 | false       | 2026-01-04 11:00:00
        l1         | s2       | NULL    | NULL     | NULL    | NULL                | 2026-01-05 10:00:00 | true        | 2026-01-05 10:00:00
        l1         | s3       | 0.6000  | 9        | 5       | NULL                | 2026-01-04 10:00:00 | false       | 2026-01-04 11:00:00
        l1         | s3       | 0.7000  | 9        | 5       | NULL                | 2026-01-03 10:00:00 | false       | 2026-01-05 11:00:00
        l2         | s1       | 0.4000  | 4        | 2       | NULL                | 2026-01-06 00:00:00 | false       | 2026-01-06 11:00:00
        """,
        TYPES,
    )
    span = Span(date(2026, 1, 3), date(2026, 1, 5))
    assert_rows(
        fact_learning_progress(mastery, **only(dims, "learners", "skills"), span=span),
        """
        date_key | learner_key | skill_key | learner_id | skill_id | mastery
        20260103 | 21          | 40        | l1         | s1       | 0.2000
        20260104 | 21          | 40        | l1         | s1       | 0.2000
        20260105 | 22          | 40        | l1         | s1       | 0.3000
        20260104 | 21          | -1        | l1         | s2       | 0.5000
        20260104 | 21          | -1        | l1         | s3       | 0.6000
        20260105 | 22          | -1        | l1         | s3       | 0.7000
        """,
    )


def test_a_change_concerns_every_day_on_which_its_row_ever_was(spark):
    """What belongs to a row concerns its days too, and a delete those on which it was."""
    sessions = draw(
        spark,
        """
        id | started_at          | _snapshot_at
        a  | 2026-01-05 10:00:00 | 2026-01-05 11:00:00
        a  | 2026-01-07 10:00:00 | 2026-01-08 11:00:00
        b  | 2026-01-05 10:00:00 | 2026-01-05 12:00:00
        c  | 2026-01-06 10:00:00 | 2026-01-06 11:00:00
        c  | NULL                | 2026-01-09 11:00:00
        """,
        TYPES,
    )
    answers = draw(
        spark, "id | _snapshot_at\nb | 2026-01-10 11:00:00\nx | 2026-01-10 11:00:00", TYPES
    )
    assert_rows(
        touched_days(
            sessions,
            keys=("id",),
            instants=("started_at",),
            changes={"sessions": sessions, "answers": answers},
        ),
        """
        date_key | source   | _snapshot_at
        20260105 | sessions | 2026-01-08 11:00:00
        20260107 | sessions | 2026-01-08 11:00:00
        20260106 | sessions | 2026-01-09 11:00:00
        20260105 | answers  | 2026-01-10 11:00:00
        """,
    )

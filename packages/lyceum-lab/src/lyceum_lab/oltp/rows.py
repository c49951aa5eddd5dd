"""The rows of the made-up product, as Arrow tables: whole columns at a time, a day at a time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from lyceum_lab.oltp.config import OltpConfig

SUBJECTS = {
    "math": "Mathematics",
    "read": "Reading",
    "sci": "Science",
    "hist": "History",
    "geo": "Geography",
    "art": "Art",
}
_SKILLS_EACH = 12
_SKILLS = len(SUBJECTS) * _SKILLS_EACH
_LOCALES = np.array(["en", "en-GB", "es", "da", "fr"])
_DEVICES = np.array(["tablet", "laptop", "phone"])
_FIRST = np.array(["Ada", "Bo", "Chloé", "Dmitri", "Eve", "Fatima", "Grace", "Hao", "Ørn"])
_LAST = np.array(["Ng", "O'Neil", "Smith", "Kowalski", "Žák", "Hopper", "Turing"])
_KINDS = np.array(["focus_lost", "focus_regained", "break_started", "break_ended"])
_INTERESTS = np.array(["{}", "{chess}", "{music,space}", '{"model trains"}'])
_SECONDS_A_DAY = 86_400

Tables = dict[str, pa.Table]


def tenant_count(config: OltpConfig) -> int:
    """One for 250 learners, at least two."""
    return max(2, config.learners // 250)


def identifier(kind: int, number: int) -> str:
    """The UUID of a row, by its kind and number.

    >>> identifier(2, 7)
    '00000002-0000-4000-8000-000000000007'
    """
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


TENANT, LEARNER, USER, SKILL, SESSION, ASSIGNMENT, SUBMISSION, RECOMMENDATION = range(1, 9)


def masters(config: OltpConfig) -> Tables:
    """Tenants, learners, users, subjects, skills, and how well each learner knows some of them."""
    random = np.random.default_rng([config.seed, 0])
    before = config.start - timedelta(days=30)
    tenants, learners = tenant_count(config), config.learners
    numbers = np.arange(learners)
    users = np.arange(learners // 2 + 2)
    skills = np.arange(_SKILLS)
    codes = np.array(list(SUBJECTS))[skills // _SKILLS_EACH]
    return {
        "tenants": pa.table({
            "id": _ids(TENANT, np.arange(tenants)),
            "name": [f"School {number + 1}" for number in range(tenants)],
            "plan": np.array(["basic", "plus"])[np.arange(tenants) % 2],
            "settings": ['{"seats": 30}'] * tenants,
            **_stamped(tenants, before),
        }),
        "learners": pa.table({
            "id": _ids(LEARNER, numbers),
            "tenant_id": _ids(TENANT, numbers % tenants),
            "display_name": _names(random, learners),
            "grade_level": random.integers(1, 13, learners),
            "locale": random.choice(_LOCALES, learners),
            "interests": random.choice(_INTERESTS, learners),
            **_stamped(learners, before),
        }),
        "users": pa.table({
            "id": _ids(USER, users),
            "tenant_id": _ids(TENANT, users % tenants),
            "role": np.where(users % 5 == 0, "teacher", "parent"),
            "full_name": _names(random, len(users)),
            "email": [f"user{number}@example.com" for number in users],
            **_stamped(len(users), before),
        }),
        "subjects": pa.table({
            "code": list(SUBJECTS),
            "name": list(SUBJECTS.values()),
            "updated_at": _texts(before, np.zeros(len(SUBJECTS), "int64")),
        }),
        "skills": pa.table({
            "id": _ids(SKILL, skills),
            "subject_code": codes,
            "code": [f"{c}-{n % _SKILLS_EACH + 1:02}" for c, n in zip(codes, skills, strict=True)],
            "name": [f"Skill {number + 1}" for number in skills],
            "grade_level": skills % _SKILLS_EACH + 1,
            "prerequisite_id": pa.array(
                [identifier(SKILL, n - 1) if n % _SKILLS_EACH else None for n in skills.tolist()]
            ),
            "updated_at": _texts(before, np.zeros(_SKILLS, "int64")),
        }),
    }  # fmt: skip


def days(config: OltpConfig) -> Iterator[Tables]:
    """What was done on each day, day after day."""
    for day in range(config.days):
        yield _day(config, day)


def mastery(config: OltpConfig) -> Tables:
    """How well learners know the skills that they practised, as of the end."""
    random = np.random.default_rng([config.seed, 1])
    each = 6
    learners = np.repeat(np.arange(config.learners), each)
    skills = (learners * 5 + np.tile(np.arange(each) * 11, config.learners)) % _SKILLS
    count = len(learners)
    attempts = random.integers(1, 40, count)
    correct = random.integers(0, attempts + 1)
    # On every day some of it was practised last.
    at = random.integers(0, config.days * _SECONDS_A_DAY, count)
    return {
        "skill_mastery": pa.table({
            "learner_id": _ids(LEARNER, learners),
            "skill_id": _ids(SKILL, skills),
            "mastery": _decimals(correct * 10_000 // attempts, 4),
            "attempts": attempts,
            "correct": correct,
            "practised_at": _texts(config.start, at),
            "updated_at": _texts(config.start, at),
        })
    }  # fmt: skip


def _day(config: OltpConfig, day: int) -> Tables:
    random = np.random.default_rng([config.seed, 2, day])
    midnight = config.midnight(day)
    learners = np.flatnonzero(random.random(config.learners) < 0.6)
    count = len(learners)
    sessions = day * config.learners + np.arange(count)
    # A session ends on its day.
    starts = random.integers(0, _SECONDS_A_DAY - 7_200, count)
    ends = starts + random.integers(300, 3_600, count)
    is_done = random.random(count) < 0.9
    subjects = random.integers(0, len(SUBJECTS), count)
    return {
        "learning_sessions": pa.table({
            "id": _ids(SESSION, sessions),
            "tenant_id": _ids(TENANT, learners % tenant_count(config)),
            "learner_id": _ids(LEARNER, learners),
            "subject_code": np.array(list(SUBJECTS))[subjects],
            "device": random.choice(_DEVICES, count),
            "status": np.where(is_done, "completed", "abandoned"),
            "started_at": _texts(midnight, starts),
            "ended_at": pa.array(_texts(midnight, ends), mask=~is_done),
            "updated_at": _texts(midnight, ends),
        }),
        "session_activities": _activities(
 config, random, midnight, sessions=sessions, starts=starts, subjects=subjects),
        "focus_events": _focus(random, midnight, sessions, learners, starts),
        **_homework(config, random, midnight, day, learners),
        "recommendations": _recommendations(config, random, midnight, day, learners),
    }  # fmt: skip


def _activities(
    config: OltpConfig,
    random: np.random.Generator,
    midnight: datetime,
    *,
    sessions: np.ndarray,
    starts: np.ndarray,
    subjects: np.ndarray,
) -> pa.Table:
    each = config.activities
    count = len(sessions) * each
    positions = np.tile(np.arange(1, each + 1), len(sessions))
    at = np.repeat(starts, each) + positions * 25
    is_correct = random.random(count) < 0.7
    skills = np.repeat(subjects, each) * _SKILLS_EACH + random.integers(0, _SKILLS_EACH, count)
    is_open = random.random(count) < 0.05
    return pa.table({
        "session_id": _ids(SESSION, np.repeat(sessions, each)),
        "position": positions,
        "skill_id": _ids(SKILL, skills),
        "is_correct": pa.array(is_correct, mask=is_open),
        "score": pa.array(_decimals(is_correct * random.integers(50, 101, count), 0), mask=is_open),
        "response_ms": random.integers(500, 60_000, count),
        "answer": np.where(is_correct, '{"choice": "a"}', '{"choice": "b"}'),
        "answered_at": _texts(midnight, at),
        "updated_at": _texts(midnight, at),
    })  # fmt: skip


def _focus(
    random: np.random.Generator,
    midnight: datetime,
    sessions: np.ndarray,
    learners: np.ndarray,
    starts: np.ndarray,
) -> pa.Table:
    kinds = len(_KINDS)
    count = len(sessions) * kinds
    at = np.repeat(starts, kinds) + np.tile(np.arange(kinds) * 60, len(sessions))
    return pa.table({
        "id": np.repeat(sessions, kinds) * kinds + np.tile(np.arange(kinds), len(sessions)),
        "session_id": _ids(SESSION, np.repeat(sessions, kinds)),
        "learner_id": _ids(LEARNER, np.repeat(learners, kinds)),
        "kind": np.tile(_KINDS, len(sessions)),
        "occurred_at": _texts(midnight, at),
        "duration_ms": random.integers(100, 30_000, count),
        "updated_at": _texts(midnight, at),
    })  # fmt: skip


def _homework(
    config: OltpConfig,
    random: np.random.Generator,
    midnight: datetime,
    day: int,
    learners: np.ndarray,
) -> Tables:
    given = learners[::3]
    count = len(given)
    numbers = day * config.learners + np.arange(count)
    skills = random.integers(0, _SKILLS, count)
    assigned = np.full(count, 8 * 3_600)
    handed_in = np.flatnonzero(random.random(count) < 0.8)
    submitted = assigned[handed_in] + random.integers(3_600, 50_000, len(handed_in))
    return {
        "homework_assignments": pa.table({
            "id": _ids(ASSIGNMENT, numbers),
            "tenant_id": _ids(TENANT, given % tenant_count(config)),
            "learner_id": _ids(LEARNER, given),
            "assigned_by": _ids(USER, given % (config.learners // 10 + 1) * 5),
            "subject_code": np.array(list(SUBJECTS))[skills // _SKILLS_EACH],
            "skill_id": _ids(SKILL, skills),
            "title": [f"Exercise {number % 40 + 1}" for number in numbers],
            "assigned_at": _texts(midnight, assigned),
            "due_at": _texts(midnight + timedelta(days=2), assigned),
            "updated_at": _texts(midnight, assigned),
        }),
        "homework_submissions": pa.table({
            "id": _ids(SUBMISSION, numbers[handed_in]),
            "assignment_id": _ids(ASSIGNMENT, numbers[handed_in]),
            "learner_id": _ids(LEARNER, given[handed_in]),
            "status": np.where(random.random(len(handed_in)) < 0.7, "graded", "submitted"),
            "attempts": random.integers(1, 4, len(handed_in)),
            "score": _decimals(random.integers(2_000, 10_001, len(handed_in)), 2),
            "submitted_at": _texts(midnight, submitted),
            "updated_at": _texts(midnight, submitted),
        }),
    }  # fmt: skip


def _recommendations(
    config: OltpConfig,
    random: np.random.Generator,
    midnight: datetime,
    day: int,
    learners: np.ndarray,
) -> pa.Table:
    shown_to = learners[1::3]
    count = len(shown_to)
    shown = random.integers(0, 80_000, count)
    reaction = random.random(count)
    later = _texts(midnight, shown + 300)
    return pa.table({
        "id": _ids(RECOMMENDATION, day * config.learners + np.arange(count)),
        "tenant_id": _ids(TENANT, shown_to % tenant_count(config)),
        "learner_id": _ids(LEARNER, shown_to),
        "skill_id": _ids(SKILL, random.integers(0, _SKILLS, count)),
        "kind": random.choice(np.array(["practice", "video", "break"]), count),
        "confidence": _decimals(random.integers(3_000, 10_000, count), 4),
        "shown_at": _texts(midnight, shown),
        "accepted_at": pa.array(later, mask=reaction >= 0.4),
        "dismissed_at": pa.array(later, mask=(reaction < 0.4) | (reaction >= 0.7)),
        "updated_at": later,
    })  # fmt: skip


def _ids(kind: int, numbers: np.ndarray) -> list[str]:
    return [identifier(kind, number) for number in numbers.tolist()]


def _names(random: np.random.Generator, count: int) -> list[str]:
    first, last = random.choice(_FIRST, count), random.choice(_LAST, count)
    return [f"{a} {b}" for a, b in zip(first, last, strict=True)]


def _stamped(count: int, at: datetime) -> dict[str, np.ndarray]:
    texts = _texts(at, np.zeros(count, "int64"))
    return {"created_at": texts, "updated_at": texts}


def _texts(midnight: datetime, seconds: np.ndarray) -> np.ndarray:
    """Instants so many seconds after another, as text in UTC."""
    start = np.datetime64(midnight.replace(tzinfo=None), "s")
    return np.char.add(np.datetime_as_string(start + seconds.astype("timedelta64[s]")), "Z")


def _decimals(units: np.ndarray, scale: int) -> np.ndarray:
    """Numbers of so many decimals, as text."""
    return np.char.mod(f"%.{scale}f", units / 10**scale)

"""The fact tables: what each is built from, and by which transform."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.warehouse.gold.days import Span, evening
from lyceum.systems.warehouse.gold.dimensions import (
    DIM_LEARNER,
    DIM_SKILL,
    DIM_SUBJECT,
    DIM_TENANT,
    DIM_USER,
)
from lyceum.systems.warehouse.gold.fact_focus_events import FACT_FOCUS_EVENTS, fact_focus_events
from lyceum.systems.warehouse.gold.fact_homework_events import (
    FACT_HOMEWORK_EVENTS,
    fact_homework_events,
)
from lyceum.systems.warehouse.gold.fact_learning_progress import (
    FACT_LEARNING_PROGRESS,
    fact_learning_progress,
)
from lyceum.systems.warehouse.gold.fact_recommendation_events import (
    EVENTS,
    FACT_RECOMMENDATION_EVENTS,
    fact_recommendation_events,
)
from lyceum.systems.warehouse.gold.fact_sessions import FACT_SESSIONS, fact_sessions
from lyceum.systems.warehouse.gold.touched import touched_days

Rows = Callable[[str], DataFrame]
"""The versions in bronze of a table of the source, by its name."""
Members = Callable[[Table], DataFrame]
"""The rows of a dimension."""


@dataclass(frozen=True)
class Member:
    """A dimension that a fact refers to."""

    name: str
    """Column of the fact that identifies the member in the source."""
    dimension: Table
    dimension_name: str
    """The same in the dimension."""
    has_versions: bool = False

    @property
    def key(self) -> str:
        """The surrogate key of the dimension."""
        return self.dimension.keys[0]


TENANT = Member("tenant_id", DIM_TENANT, "tenant_id", has_versions=True)
LEARNER = Member("learner_id", DIM_LEARNER, "learner_id", has_versions=True)
SUBJECT = Member("subject_code", DIM_SUBJECT, "subject_code")
SKILL = Member("skill_id", DIM_SKILL, "skill_id")
GIVER = Member("assigned_by", DIM_USER, "user_id")


@dataclass(frozen=True)
class Fact:
    """A fact table."""

    table: Table
    sources: tuple[str, ...]
    """Tables of the source that it is built from."""
    members: Mapping[str, Member]
    """By the column of the key."""
    build: Callable[[Rows, Members, Span], DataFrame]
    touched: Callable[[Rows], DataFrame]
    """The days that its sources concern: `date_key`, `source`, `_snapshot_at`."""
    instant: Callable[[], Column]
    """The instant of a fact, by which members are found."""
    is_cumulative: bool = False
    """A day holds what was known by then: what concerns it concerns those after it too."""

    @property
    def job(self) -> str:
        """The job that builds it."""
        return f"build_{self.table.short_name}"


def _sessions(rows: Rows, members: Members, span: Span) -> DataFrame:
    return fact_sessions(
        rows("learning_sessions"),
        rows("session_activities"),
        tenants=members(DIM_TENANT),
        learners=members(DIM_LEARNER),
        subjects=members(DIM_SUBJECT),
        span=span,
    )


def _focus_events(rows: Rows, members: Members, span: Span) -> DataFrame:
    return fact_focus_events(rows("focus_events"), learners=members(DIM_LEARNER), span=span)


def _homework_events(rows: Rows, members: Members, span: Span) -> DataFrame:
    return fact_homework_events(
        rows("homework_submissions"),
        rows("homework_assignments"),
        tenants=members(DIM_TENANT),
        learners=members(DIM_LEARNER),
        users=members(DIM_USER),
        subjects=members(DIM_SUBJECT),
        skills=members(DIM_SKILL),
        span=span,
    )


def _recommendation_events(rows: Rows, members: Members, span: Span) -> DataFrame:
    return fact_recommendation_events(
        rows("recommendations"),
        tenants=members(DIM_TENANT),
        learners=members(DIM_LEARNER),
        skills=members(DIM_SKILL),
        span=span,
    )


def _learning_progress(rows: Rows, members: Members, span: Span) -> DataFrame:
    return fact_learning_progress(
        rows("skill_mastery"),
        learners=members(DIM_LEARNER),
        skills=members(DIM_SKILL),
        span=span,
    )


def _touched_by_itself(
    source: str, keys: tuple[str, ...], *instants: str
) -> Callable[[Rows], DataFrame]:
    return lambda rows: touched_days(
        rows(source), keys=keys, instants=instants, changes={source: rows(source)}
    )


def _sessions_touched(rows: Rows) -> DataFrame:
    sessions, activities = rows("learning_sessions"), rows("session_activities")
    of_sessions = activities.select(F.col("session_id").alias("id"), "_snapshot_at")
    changes = {"learning_sessions": sessions, "session_activities": of_sessions}
    return touched_days(sessions, keys=("id",), instants=("started_at",), changes=changes)


def _homework_touched(rows: Rows) -> DataFrame:
    submissions, assignments = rows("homework_submissions"), rows("homework_assignments")
    of_assignments = assignments.select(F.col("id").alias("assignment_id"), "_snapshot_at")
    theirs = submissions.select("id", "assignment_id").where("assignment_id IS NOT NULL")
    changed = theirs.distinct().join(of_assignments, on="assignment_id")
    changes = {"homework_submissions": submissions, "homework_assignments": changed}
    return touched_days(submissions, keys=("id",), instants=("submitted_at",), changes=changes)


_ALL = (
    Fact(
        FACT_SESSIONS,
        ("learning_sessions", "session_activities"),
        {"tenant_key": TENANT, "learner_key": LEARNER, "subject_key": SUBJECT},
        _sessions,
        _sessions_touched,
        lambda: F.col("started_at"),
    ),
    Fact(
        FACT_FOCUS_EVENTS,
        ("focus_events",),
        {"learner_key": LEARNER},
        _focus_events,
        _touched_by_itself("focus_events", ("id",), "occurred_at"),
        lambda: F.col("occurred_at"),
    ),
    Fact(
        FACT_HOMEWORK_EVENTS,
        ("homework_submissions", "homework_assignments"),
        {
            "tenant_key": TENANT,
            "learner_key": LEARNER,
            "assigned_by_key": GIVER,
            "subject_key": SUBJECT,
            "skill_key": SKILL,
        },
        _homework_events,
        _homework_touched,
        lambda: F.col("submitted_at"),
    ),
    Fact(
        FACT_RECOMMENDATION_EVENTS,
        ("recommendations",),
        {"tenant_key": TENANT, "learner_key": LEARNER, "skill_key": SKILL},
        _recommendation_events,
        _touched_by_itself("recommendations", ("id",), *EVENTS.values()),
        lambda: F.col("occurred_at"),
    ),
    Fact(
        FACT_LEARNING_PROGRESS,
        ("skill_mastery",),
        {"learner_key": LEARNER, "skill_key": SKILL},
        _learning_progress,
        _touched_by_itself("skill_mastery", ("learner_id", "skill_id"), "updated_at"),
        lambda: evening(F.to_date(F.col("date_key").cast("string"), "yyyyMMdd")),
        is_cumulative=True,
    ),
)
FACTS = {fact.job: fact for fact in _ALL}
"""By job."""

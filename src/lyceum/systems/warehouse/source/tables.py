"""The tables of the OLTP database that the warehouse reads, and what it needs of each."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from lyceum.systems.warehouse.source.kinds import kind

META = pa.schema([
    ("_rescued", pa.string()),
    ("_is_deleted", pa.bool_()),
    ("_row_hash", pa.int64()),
    ("_snapshot_at", pa.timestamp("us", tz="UTC")),
])  # fmt: skip
"""What every landed row has besides the columns of its table."""


@dataclass(frozen=True)
class SourceTable:
    """A table of the source; every column that is named here is needed."""

    name: str
    grain: str
    """What a row is."""
    keys: tuple[str, ...]
    columns: Mapping[str, str]
    """Kind of each column."""
    personal: tuple[str, ...] = ()
    """Columns that hold personal data."""

    @property
    def schema(self) -> pa.Schema:
        """The columns of a landed file."""
        fields = [pa.field(name, kind(k).arrow) for name, k in self.columns.items()]
        return pa.schema([*fields, *META])


_STAMPS = {"updated_at": "timestamp", "deleted_at": "timestamp"}

_TABLES = (
    SourceTable(
        "tenants",
        "a school or company that the product serves",
        ("id",),
        {
            "id": "uuid",
            "name": "text",
            "is_active": "boolean",
            "plan": "text",
            "settings": "json",
            "created_at": "timestamp",
            **_STAMPS,
        },
    ),
    SourceTable(
        "learners",
        "a learner of a tenant",
        ("id",),
        {
            "id": "uuid",
            "tenant_id": "uuid",
            "display_name": "text",
            "grade_level": "int",
            "locale": "text",
            "interests": "list",
            "is_active": "boolean",
            "created_at": "timestamp",
            **_STAMPS,
        },
        personal=("display_name",),
    ),
    SourceTable(
        "users",
        "a teacher, parent or administrator",
        ("id",),
        {
            "id": "uuid",
            "tenant_id": "uuid",
            "role": "text",
            "full_name": "text",
            "email": "text",
            "is_active": "boolean",
            "created_at": "timestamp",
            **_STAMPS,
        },
        personal=("full_name", "email"),
    ),
    SourceTable(
        "subjects",
        "a school subject",
        ("code",),
        {"code": "text", "name": "text", "is_active": "boolean", "updated_at": "timestamp"},
    ),
    SourceTable(
        "skills",
        "a skill of the curriculum",
        ("id",),
        {
            "id": "uuid",
            "subject_code": "text",
            "code": "text",
            "name": "text",
            "grade_level": "int",
            "prerequisite_id": "uuid",
            **_STAMPS,
        },
    ),
    SourceTable(
        "learning_sessions",
        "a session in which a learner worked",
        ("id",),
        {
            "id": "uuid",
            "tenant_id": "uuid",
            "learner_id": "uuid",
            "subject_code": "text",
            "device": "text",
            "status": "text",
            "started_at": "timestamp",
            "ended_at": "timestamp",
            **_STAMPS,
        },
    ),
    SourceTable(
        "session_activities",
        "an answer that a learner gave in a session",
        ("session_id", "position"),
        {
            "session_id": "uuid",
            "position": "int",
            "skill_id": "uuid",
            "is_correct": "boolean",
            "score": "decimal(5,2)",
            "response_ms": "int",
            "answer": "json",
            "answered_at": "timestamp",
            "updated_at": "timestamp",
        },
    ),
    SourceTable(
        "focus_events",
        "a moment at which a learner lost or regained focus, or took a break",
        ("id",),
        {
            "id": "bigint",
            "session_id": "uuid",
            "learner_id": "uuid",
            "kind": "text",
            "occurred_at": "timestamp",
            "duration_ms": "int",
            "updated_at": "timestamp",
        },
    ),
    SourceTable(
        "homework_assignments",
        "a piece of homework that was given to a learner",
        ("id",),
        {
            "id": "uuid",
            "tenant_id": "uuid",
            "learner_id": "uuid",
            "assigned_by": "uuid",
            "subject_code": "text",
            "skill_id": "uuid",
            "title": "text",
            "assigned_at": "timestamp",
            "due_at": "timestamp",
            **_STAMPS,
        },
    ),
    SourceTable(
        "homework_submissions",
        "a piece of homework that a learner handed in",
        ("id",),
        {
            "id": "uuid",
            "assignment_id": "uuid",
            "learner_id": "uuid",
            "status": "text",
            "attempts": "int",
            "score": "decimal(5,2)",
            "submitted_at": "timestamp",
            **_STAMPS,
        },
    ),
    SourceTable(
        "recommendations",
        "a recommendation that was shown to a learner",
        ("id",),
        {
            "id": "uuid",
            "tenant_id": "uuid",
            "learner_id": "uuid",
            "skill_id": "uuid",
            "kind": "text",
            "confidence": "decimal(5,4)",
            "shown_at": "timestamp",
            "accepted_at": "timestamp",
            "dismissed_at": "timestamp",
            "updated_at": "timestamp",
        },
    ),
    SourceTable(
        "skill_mastery",
        "how well a learner knows a skill now",
        ("learner_id", "skill_id"),
        {
            "learner_id": "uuid",
            "skill_id": "uuid",
            "mastery": "decimal(5,4)",
            "attempts": "int",
            "correct": "int",
            "practised_at": "timestamp",
            "updated_at": "timestamp",
        },
    ),
)

SOURCE_TABLES = {table.name: table for table in _TABLES}
"""By name."""

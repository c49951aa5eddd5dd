"""Silver of the warehouse: what dimensions are made of, from the versions in bronze.

A change is a version of a row; AUTO CDC brings it into a history (type 2) or into the latest state
(type 1). Its place among the changes of its key is the snapshot that showed it: a snapshot holds a
key once, and what it shows is later than what the one before showed, whatever `updated_at` says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.quality.rules import Rule

SEQUENCE = ("_snapshot_at", "_updated_at")
"""Orders the changes of a key; the second part only says when the source had it so."""
IS_DELETED = "_is_deleted"
_SEQUENCE_TYPE = "STRUCT<_snapshot_at:TIMESTAMP,_updated_at:TIMESTAMP>"
_START_AND_END = f"""__START_AT {_SEQUENCE_TYPE} COMMENT 'Change that began the version',
        __END_AT {_SEQUENCE_TYPE} COMMENT 'Change that ended it; NULL while it is the latest'"""


def no_time(column: str) -> Rule:
    """A row of the source that does not say when it was updated."""
    return Rule(
        id="no_updated_at",
        severity="flagged",
        detail="there is no time of update: that of the snapshot counts",
        broken=f"{column} IS NULL",
    )


def no_name(column: str) -> Rule:
    """A row of the source, not of a delete, whose name is missing or blank."""
    return Rule(
        id="no_name",
        severity="flagged",
        detail="there is no name",
        broken=f"NOT _is_deleted AND trim(coalesce({column}, '')) = ''",
    )


@dataclass(frozen=True)
class Dimension:
    """How the rows of a source table become what a dimension is made of."""

    source: str
    """Name of the table in the source."""
    target: Table
    """What AUTO CDC keeps up to date."""
    scd_type: Literal[1, 2]
    changes: Callable[[DataFrame], DataFrame]
    rules: tuple[Rule, ...]
    """What its changes must not be."""

    @property
    def keys(self) -> tuple[str, ...]:
        """What identifies a member."""
        return tuple(key for key in self.target.keys if key != "__START_AT")


def tenant_changes(versions: DataFrame) -> DataFrame:
    """The changes of tenants, from their versions in bronze."""
    return _changes(
        versions,
        F.col("id").alias("tenant_id"),
        F.col("name").alias("tenant_name"),
        "plan",
        _is_active().alias("is_active"),
    )


def learner_changes(versions: DataFrame) -> DataFrame:
    """The changes of learners, from their versions in bronze."""
    return _changes(
        versions,
        F.col("id").alias("learner_id"),
        "tenant_id",
        F.col("display_name").alias("learner_name"),
        "grade_level",
        "locale",
        _is_active().alias("is_active"),
    )


def user_changes(versions: DataFrame) -> DataFrame:
    """The changes of users, from their versions in bronze."""
    return _changes(
        versions,
        F.col("id").alias("user_id"),
        "tenant_id",
        "role",
        F.col("full_name").alias("user_name"),
        "email",
        _is_active().alias("is_active"),
    )


def subject_changes(versions: DataFrame) -> DataFrame:
    """The changes of subjects, from their versions in bronze."""
    return _changes(
        versions,
        F.col("code").alias("subject_code"),
        F.col("name").alias("subject_name"),
        "is_active",
    )


def skill_changes(versions: DataFrame) -> DataFrame:
    """The changes of skills, from their versions in bronze."""
    return _changes(
        versions,
        F.col("id").alias("skill_id"),
        F.col("code").alias("skill_code"),
        F.col("name").alias("skill_name"),
        "subject_code",
        "grade_level",
        "prerequisite_id",
        F.col("deleted_at").isNull().alias("is_active"),
    )


def _changes(versions: DataFrame, *columns: str | Column) -> DataFrame:
    updated_at = F.col("updated_at").alias("_updated_at")
    return versions.select(*columns, IS_DELETED, "_snapshot_at", updated_at)


def _is_active() -> Column:
    return F.col("is_active") & F.col("deleted_at").isNull()


TENANT_COLUMNS = """tenant_id STRING COMMENT 'Identifier in the source',
        tenant_name STRING COMMENT 'Name',
        plan STRING COMMENT 'What the tenant has subscribed to',
        is_active BOOLEAN COMMENT 'Neither switched off nor deleted in the source'"""
TENANT_HISTORY = Table(
    name="silver.tenant_history",
    grain="one row per tenant and time in which it stayed as it was",
    keys=("tenant_id", "__START_AT"),
    columns=f"""
        {TENANT_COLUMNS},
        {_START_AND_END}
    """,
    cluster_by=("tenant_id",),
)

LEARNER_COLUMNS = """learner_id STRING COMMENT 'Identifier in the source',
        tenant_id STRING COMMENT 'Tenant of the learner',
        learner_name STRING COMMENT 'Name that is shown',
        grade_level INT COMMENT 'School grade, from 1',
        locale STRING COMMENT 'Language and region, such as en-GB',
        is_active BOOLEAN COMMENT 'Neither switched off nor deleted in the source'"""
LEARNER_HISTORY = Table(
    name="silver.learner_history",
    grain="one row per learner and time in which the learner stayed as before",
    keys=("learner_id", "__START_AT"),
    columns=f"""
        {LEARNER_COLUMNS},
        {_START_AND_END}
    """,
    cluster_by=("learner_id",),
    personal=("learner_id", "learner_name"),
    person=("learner_id",),
)

USER_COLUMNS = """user_id STRING COMMENT 'Identifier in the source',
        tenant_id STRING COMMENT 'Tenant of the user',
        role STRING COMMENT 'teacher, parent or admin',
        user_name STRING COMMENT 'Full name',
        email STRING COMMENT 'Address',
        is_active BOOLEAN COMMENT 'Neither switched off nor deleted in the source'"""
USER_LATEST = Table(
    name="silver.user_latest",
    grain="one row per user who is in the source",
    keys=("user_id",),
    columns=USER_COLUMNS,
    personal=("user_id", "user_name", "email"),
    person=("user_id",),
)

SUBJECT_COLUMNS = """subject_code STRING COMMENT 'Code in the source',
        subject_name STRING COMMENT 'Name',
        is_active BOOLEAN COMMENT 'In use'"""
SUBJECT_LATEST = Table(
    name="silver.subject_latest",
    grain="one row per subject",
    keys=("subject_code",),
    columns=SUBJECT_COLUMNS,
)

SKILL_COLUMNS = """skill_id STRING COMMENT 'Identifier in the source',
        skill_code STRING COMMENT 'Code in the curriculum',
        skill_name STRING COMMENT 'Name',
        subject_code STRING COMMENT 'Subject of the skill',
        grade_level INT COMMENT 'School grade for which it is meant',
        prerequisite_id STRING COMMENT 'Skill to be learned before',
        is_active BOOLEAN COMMENT 'Not deleted in the source'"""
SKILL_LATEST = Table(
    name="silver.skill_latest",
    grain="one row per skill of the curriculum",
    keys=("skill_id",),
    columns=SKILL_COLUMNS,
)

_NO_TIME = no_time("_updated_at")
DIMENSIONS = (
    Dimension("tenants", TENANT_HISTORY, 2, tenant_changes, (_NO_TIME, no_name("tenant_name"))),
    Dimension("learners", LEARNER_HISTORY, 2, learner_changes, (_NO_TIME, no_name("learner_name"))),
    Dimension("users", USER_LATEST, 1, user_changes, (_NO_TIME, no_name("user_name"))),
    Dimension("subjects", SUBJECT_LATEST, 1, subject_changes, (_NO_TIME, no_name("subject_name"))),
    Dimension("skills", SKILL_LATEST, 1, skill_changes, (_NO_TIME, no_name("skill_name"))),
)

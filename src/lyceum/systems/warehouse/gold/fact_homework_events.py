"""The fact table of homework that was handed in."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.warehouse.gold.days import Span, date_key, latest, latest_of
from lyceum.systems.warehouse.gold.members import with_member, with_member_at

FACT_HOMEWORK_EVENTS = Table(
    name="gold.fact_homework_events",
    grain="one row per piece of homework handed in, on the UTC day of the submission",
    keys=("date_key", "submission_id"),
    columns="""
        homework_key BIGINT COMMENT 'Hash of submission_id',
        submission_id STRING COMMENT 'Identifier in the source',
        date_key INT COMMENT 'UTC day of submitted_at, yyyymmdd',
        tenant_key BIGINT COMMENT 'Tenant as of submitted_at; -1 if it is unknown',
        learner_key BIGINT COMMENT 'Learner as of submitted_at; -1 if the learner is unknown',
        assigned_by_key BIGINT COMMENT 'User who gave it; -1 if unknown, NULL if nobody did',
        subject_key BIGINT COMMENT 'Subject; -1 if it is unknown, NULL if it has none',
        skill_key BIGINT COMMENT 'Skill; -1 if it is unknown, NULL if it has none',
        status STRING COMMENT 'submitted or graded',
        attempts INT COMMENT 'How often it was handed in',
        score DECIMAL(5,2) COMMENT 'Grade from 0 to 100; NULL while it is not graded',
        is_late BOOLEAN COMMENT 'Handed in after it was due; NULL if nothing is due',
        seconds_to_submit BIGINT COMMENT 'From the assignment to the submission',
        assigned_at TIMESTAMP COMMENT 'When it was given, UTC',
        due_at TIMESTAMP COMMENT 'When it was due, UTC',
        submitted_at TIMESTAMP COMMENT 'When it was handed in, UTC',
        assignment_id STRING COMMENT 'Assignment in the source',
        tenant_id STRING COMMENT 'Tenant in the source',
        learner_id STRING COMMENT 'Learner in the source',
        assigned_by STRING COMMENT 'User in the source',
        subject_code STRING COMMENT 'Subject in the source',
        skill_id STRING COMMENT 'Skill in the source'
    """,
    cluster_by=("date_key",),
)
_GIVEN = ("tenant_id", "assigned_by", "subject_code", "skill_id", "assigned_at", "due_at")


def fact_homework_events(
    submissions: DataFrame,
    assignments: DataFrame,
    *,
    tenants: DataFrame,
    learners: DataFrame,
    users: DataFrame,
    subjects: DataFrame,
    skills: DataFrame,
    span: Span,
) -> DataFrame:
    """The homework that was handed in on the days, with what was asked for.

    Args:
        submissions: Versions of `homework_submissions`.
        assignments: Versions of `homework_assignments`.
        tenants: `dim_tenant`.
        learners: `dim_learner`.
        users: `dim_user`.
        subjects: `dim_subject`.
        skills: `dim_skill`.
        span: The days.
    """
    at = "submitted_at"
    facts = latest_of(submissions, ("id",), (at,), span).where("deleted_at IS NULL")
    facts = facts.withColumnRenamed("id", "submission_id")
    known = assignments.withColumnRenamed("id", "assignment_id")
    asked = known.join(facts.select("assignment_id"), on="assignment_id", how="left_semi")
    given = latest(asked, ("assignment_id",)).select("assignment_id", *_GIVEN)
    facts = facts.join(given, on="assignment_id", how="left")
    by_users = users.withColumnRenamed("user_id", "assigned_by")
    by_users = by_users.withColumnRenamed("user_key", "assigned_by_key")
    facts = with_member_at(facts, tenants, key="tenant_key", name="tenant_id", at=at)
    facts = with_member_at(facts, learners, key="learner_key", name="learner_id", at=at)
    facts = with_member(facts, by_users, key="assigned_by_key", name="assigned_by")
    facts = with_member(facts, subjects, key="subject_key", name="subject_code")
    facts = with_member(facts, skills, key="skill_key", name="skill_id")
    taken = F.unix_timestamp("submitted_at") - F.unix_timestamp("assigned_at")
    return facts.select(
        F.xxhash64("submission_id").alias("homework_key"),
        "submission_id",
        date_key(F.col("submitted_at")).alias("date_key"),
        *("tenant_key", "learner_key", "assigned_by_key", "subject_key", "skill_key"),
        *("status", "attempts"),
        F.when(F.col("status") == "graded", F.col("score")).alias("score"),
        (F.col("submitted_at") > F.col("due_at")).alias("is_late"),
        F.when(taken >= 0, taken).alias("seconds_to_submit"),
        *("assigned_at", "due_at", "submitted_at", "assignment_id"),
        *("tenant_id", "learner_id", "assigned_by", "subject_code", "skill_id"),
    )

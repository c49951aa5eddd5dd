"""The fact table of learning sessions."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.warehouse.gold.days import Span, date_key, latest, latest_of
from lyceum.systems.warehouse.gold.members import with_member, with_member_at

FACT_SESSIONS = Table(
    name="gold.fact_sessions",
    grain="one row per learning session, on the UTC day on which it began",
    keys=("date_key", "session_id"),
    columns="""
        session_key BIGINT COMMENT 'Hash of session_id',
        session_id STRING COMMENT 'Identifier in the source',
        date_key INT COMMENT 'UTC day of started_at, yyyymmdd',
        tenant_key BIGINT COMMENT 'Tenant as of started_at; -1 if it is unknown',
        learner_key BIGINT COMMENT 'Learner as of started_at; -1 if the learner is unknown',
        subject_key BIGINT COMMENT 'Subject; -1 if it is unknown, NULL if the session has none',
        duration_seconds BIGINT COMMENT 'From start to end; NULL if there is no end after it',
        activities_completed BIGINT COMMENT 'Answers that were given',
        correct_responses BIGINT COMMENT 'Answers that were right',
        started_at TIMESTAMP COMMENT 'Start, UTC',
        ended_at TIMESTAMP COMMENT 'End, UTC',
        status STRING COMMENT 'completed or abandoned',
        device STRING COMMENT 'Kind of device',
        tenant_id STRING COMMENT 'Tenant in the source',
        learner_id STRING COMMENT 'Learner in the source',
        subject_code STRING COMMENT 'Subject in the source'
    """,
    cluster_by=("date_key",),
)


def fact_sessions(
    sessions: DataFrame,
    activities: DataFrame,
    *,
    tenants: DataFrame,
    learners: DataFrame,
    subjects: DataFrame,
    span: Span,
) -> DataFrame:
    """The sessions that began in the days, with what was answered in them.

    Args:
        sessions: Versions of `learning_sessions`.
        activities: Versions of `session_activities`.
        tenants: `dim_tenant`.
        learners: `dim_learner`.
        subjects: `dim_subject`.
        span: The days.
    """
    of_days = latest_of(sessions, ("id",), ("started_at",), span).where("deleted_at IS NULL")
    begun = of_days.withColumnRenamed("id", "session_id")
    answered = activities.join(begun.select("session_id"), on="session_id", how="left_semi")
    answers = (
        latest(answered, ("session_id", "position"))
        .groupBy("session_id")
        .agg(
            F.count("*").alias("activities_completed"),
            F.count_if("is_correct").alias("correct_responses"),
        )
    )
    facts = begun.join(answers, on="session_id", how="left")
    facts = with_member_at(facts, tenants, key="tenant_key", name="tenant_id", at="started_at")
    facts = with_member_at(facts, learners, key="learner_key", name="learner_id", at="started_at")
    facts = with_member(facts, subjects, key="subject_key", name="subject_code")
    lasted = F.unix_timestamp("ended_at") - F.unix_timestamp("started_at")
    return facts.select(
        F.xxhash64("session_id").alias("session_key"),
        "session_id",
        date_key(F.col("started_at")).alias("date_key"),
        *("tenant_key", "learner_key", "subject_key"),
        F.when(lasted >= 0, lasted).alias("duration_seconds"),
        F.coalesce("activities_completed", F.lit(0)).alias("activities_completed"),
        F.coalesce("correct_responses", F.lit(0)).alias("correct_responses"),
        *("started_at", "ended_at", "status", "device"),
        *("tenant_id", "learner_id", "subject_code"),
    )

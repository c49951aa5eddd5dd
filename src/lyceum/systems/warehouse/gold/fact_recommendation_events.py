"""The fact table of recommendations: that they were shown, accepted, dismissed."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.warehouse.gold.days import Span, date_key, latest_of
from lyceum.systems.warehouse.gold.members import with_member, with_member_at

FACT_RECOMMENDATION_EVENTS = Table(
    name="gold.fact_recommendation_events",
    grain="one row per recommendation and thing that happened to it, on the UTC day of that",
    keys=("date_key", "recommendation_id", "event_type"),
    columns="""
        recommendation_event_key BIGINT COMMENT 'Hash of recommendation_id and event_type',
        recommendation_id STRING COMMENT 'Identifier in the source',
        event_type STRING COMMENT 'shown, accepted or dismissed',
        date_key INT COMMENT 'UTC day of occurred_at, yyyymmdd',
        tenant_key BIGINT COMMENT 'Tenant as of occurred_at; -1 if it is unknown',
        learner_key BIGINT COMMENT 'Learner as of occurred_at; -1 if the learner is unknown',
        skill_key BIGINT COMMENT 'Skill; -1 if it is unknown, NULL if it has none',
        recommendation_type STRING COMMENT 'practice, video or break',
        confidence DECIMAL(5,4) COMMENT 'How sure the model was, from 0 to 1',
        seconds_after_shown BIGINT COMMENT 'From when it was shown',
        occurred_at TIMESTAMP COMMENT 'When it happened, UTC',
        tenant_id STRING COMMENT 'Tenant in the source',
        learner_id STRING COMMENT 'Learner in the source',
        skill_id STRING COMMENT 'Skill in the source'
    """,
    cluster_by=("date_key",),
)
EVENTS = {"shown": "shown_at", "accepted": "accepted_at", "dismissed": "dismissed_at"}
"""What happens to a recommendation, and the column that says when."""


def fact_recommendation_events(
    recommendations: DataFrame,
    *,
    tenants: DataFrame,
    learners: DataFrame,
    skills: DataFrame,
    span: Span,
) -> DataFrame:
    """What happened to recommendations on the days.

    Args:
        recommendations: Versions of `recommendations`.
        tenants: `dim_tenant`.
        learners: `dim_learner`.
        skills: `dim_skill`.
        span: The days.
    """
    known = latest_of(recommendations, ("id",), tuple(EVENTS.values()), span)
    happened = F.array(
        *(
            F.struct(F.lit(name).alias("event_type"), F.col(at).alias("occurred_at"))
            for name, at in EVENTS.items()
        )
    )
    facts = known.select("*", F.explode(happened).alias("event")).select("*", "event.*")
    facts = facts.where(span.has(F.col("occurred_at")))
    at = "occurred_at"
    facts = with_member_at(facts, tenants, key="tenant_key", name="tenant_id", at=at)
    facts = with_member_at(facts, learners, key="learner_key", name="learner_id", at=at)
    facts = with_member(facts, skills, key="skill_key", name="skill_id")
    after = F.unix_timestamp("occurred_at") - F.unix_timestamp("shown_at")
    return facts.select(
        F.xxhash64("id", "event_type").alias("recommendation_event_key"),
        F.col("id").alias("recommendation_id"),
        "event_type",
        date_key(F.col("occurred_at")).alias("date_key"),
        *("tenant_key", "learner_key", "skill_key"),
        F.col("kind").alias("recommendation_type"),
        "confidence",
        F.when(after >= 0, after).alias("seconds_after_shown"),
        *("occurred_at", "tenant_id", "learner_id", "skill_id"),
    )

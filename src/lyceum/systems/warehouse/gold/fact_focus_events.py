"""The fact table of focus events."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.warehouse.gold.days import Span, date_key, latest_of
from lyceum.systems.warehouse.gold.members import with_member_at

FACT_FOCUS_EVENTS = Table(
    name="gold.fact_focus_events",
    grain="one row per moment at which a learner lost or regained focus, or took a break",
    keys=("date_key", "focus_event_id"),
    columns="""
        focus_event_key BIGINT COMMENT 'Hash of focus_event_id',
        focus_event_id BIGINT COMMENT 'Identifier in the source',
        date_key INT COMMENT 'UTC day of occurred_at, yyyymmdd',
        learner_key BIGINT COMMENT 'Learner as of occurred_at; -1 if the learner is unknown',
        session_id STRING COMMENT 'Session in which it happened',
        event_type STRING COMMENT 'focus_lost, focus_regained, break_started or break_ended',
        duration_ms INT COMMENT 'How long it lasted, in milliseconds',
        occurred_at TIMESTAMP COMMENT 'When it happened, UTC',
        learner_id STRING COMMENT 'Learner in the source'
    """,
    cluster_by=("date_key",),
)


def fact_focus_events(focus_events: DataFrame, *, learners: DataFrame, span: Span) -> DataFrame:
    """The focus events of the days.

    Args:
        focus_events: Versions of `focus_events`.
        learners: `dim_learner`.
        span: The days.
    """
    facts = latest_of(focus_events, ("id",), ("occurred_at",), span)
    facts = with_member_at(facts, learners, key="learner_key", name="learner_id", at="occurred_at")
    return facts.select(
        F.xxhash64("id").alias("focus_event_key"),
        F.col("id").alias("focus_event_id"),
        date_key(F.col("occurred_at")).alias("date_key"),
        *("learner_key", "session_id"),
        F.col("kind").alias("event_type"),
        *("duration_ms", "occurred_at", "learner_id"),
    )

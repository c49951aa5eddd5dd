"""Gold: what a learner did in a minute."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table, View

MINUTE_METRICS = Table(
    name="gold.minute_metrics",
    grain="one row per minute, tenant and learner with an event in it",
    keys=("date_key", "minute", "tenant_id", "learner_id"),
    columns="""
        date_key INT NOT NULL COMMENT 'UTC day of the minute, yyyymmdd',
        minute TIMESTAMP NOT NULL COMMENT 'Begin of the minute, UTC',
        tenant_id STRING NOT NULL COMMENT 'Tenant',
        learner_id STRING NOT NULL COMMENT 'Learner within the tenant',
        events BIGINT NOT NULL COMMENT 'Events of any type',
        contents BIGINT NOT NULL COMMENT 'Different contents that the events are about',
        questions BIGINT NOT NULL COMMENT 'Questions answered',
        correct BIGINT NOT NULL COMMENT 'Of these the right answers',
        time_spent_ms BIGINT NOT NULL COMMENT 'Milliseconds that the events of the minute report'
    """,
    cluster_by=("date_key", "minute"),
    retention_days=2557,
    personal=("learner_id",),
    person=("learner_id",),
)

LEARNER_ACTIVITY_SUMMARY = View(
    name="gold.learner_activity_summary",
    comment="what each learner did on each of the last 90 days",
    base=MINUTE_METRICS,
    query="""
        SELECT date_key, tenant_id, learner_id,
            count(*) AS active_minutes, sum(events) AS events, sum(questions) AS questions,
            sum(correct) AS correct, round(sum(correct) / nullif(sum(questions), 0), 4) AS accuracy,
            sum(time_spent_ms) AS time_spent_ms
        FROM {base}
        WHERE minute >= date_sub(current_date(), 90)
        GROUP BY date_key, tenant_id, learner_id
    """,
)


def minute_metrics(events: DataFrame) -> DataFrame:
    """The events by minute; a minute is right if all events of it are given."""
    named = events.select("*", minute().alias("minute"))
    is_answer = F.col("event_type") == "question_answered"
    # In two steps: a distinct count of many small groups takes an engine gigabytes.
    by_content = named.groupBy(*MINUTE_METRICS.keys, "content_id").agg(
        F.count("*").alias("events"),
        F.count_if(is_answer).alias("questions"),
        F.count_if(is_answer & F.col("correct")).alias("correct"),
        F.coalesce(F.sum("duration_ms"), F.lit(0)).alias("time_spent_ms"),
    )
    return by_content.groupBy(*MINUTE_METRICS.keys).agg(
        F.sum("events").alias("events"),
        F.count("content_id").alias("contents"),
        *(F.sum(name).alias(name) for name in ("questions", "correct", "time_spent_ms")),
    )


def minute() -> Column:
    """The begin of the minute of an event."""
    return F.date_trunc("MINUTE", "occurred_at")

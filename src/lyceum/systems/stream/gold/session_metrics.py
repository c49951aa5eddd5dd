"""Gold: the sessions of learners, from their first event to their last."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lyceum.model.table import Table

SESSION = ("tenant_id", "learner_id", "session_id")
_SILENCE = "INTERVAL 30 MINUTES"
_IDLE_FROM_MS = 120_000

SESSION_METRICS = Table(
    name="gold.session_metrics",
    grain="one row per session of a learner; an id that returns after a UTC day without events is"
    " another session",
    keys=("date_key", *SESSION),
    columns="""
        date_key INT NOT NULL COMMENT 'UTC day of the first event, yyyymmdd',
        tenant_id STRING NOT NULL COMMENT 'Tenant',
        learner_id STRING NOT NULL COMMENT 'Learner within the tenant',
        session_id STRING NOT NULL COMMENT 'Session of the learner',
        started_at TIMESTAMP NOT NULL COMMENT 'First event, UTC',
        ended_at TIMESTAMP NOT NULL COMMENT 'Last event, UTC',
        closes_at TIMESTAMP NOT NULL COMMENT 'ended_at if that is its end, else 30 minutes on, UTC',
        duration_ms BIGINT NOT NULL COMMENT 'Milliseconds from the first to the last event',
        idle_ms BIGINT NOT NULL COMMENT 'Milliseconds of it in pauses of two minutes and more',
        events BIGINT NOT NULL COMMENT 'Events of any type',
        questions BIGINT NOT NULL COMMENT 'Questions answered',
        correct BIGINT NOT NULL COMMENT 'Of these the right answers',
        accuracy DECIMAL(5,4) COMMENT 'correct by questions; NULL without questions',
        contents_completed BIGINT NOT NULL COMMENT 'Different contents that were completed',
        is_completed BOOLEAN NOT NULL COMMENT 'True if it has an event session_ended'
    """,
    cluster_by=("date_key",),
    retention_days=2557,
    personal=("learner_id",),
    person=("learner_id",),
)


def session_metrics(events: DataFrame) -> DataFrame:
    """The events by session; a session is right if all events of it are given."""
    steps = _with_visits(events.where("session_id IS NOT NULL"))
    is_answer = F.col("event_type") == "question_answered"
    is_end = F.col("event_type") == "session_ended"
    is_completion = F.col("event_type") == "content_completed"
    # In two steps: a distinct count of many small groups takes an engine gigabytes.
    by_content = steps.groupBy(*SESSION, "visit", "content_id").agg(
        F.min("date_key").alias("date_key"),
        F.min("occurred_at").alias("started_at"),
        F.max("occurred_at").alias("ended_at"),
        F.max(F.when(is_end, F.col("occurred_at"))).alias("said_end"),
        F.sum(F.when(F.col("pause_ms") >= _IDLE_FROM_MS, F.col("pause_ms"))).alias("idle_ms"),
        F.count("*").alias("events"),
        F.count_if(is_answer).alias("questions"),
        F.count_if(is_answer & F.col("correct")).alias("correct"),
        F.count_if(is_completion).alias("completions"),
    )
    summed = by_content.groupBy(*SESSION, "visit").agg(
        *(F.min(name).alias(name) for name in ("date_key", "started_at")),
        *(F.max(name).alias(name) for name in ("ended_at", "said_end")),
        *(F.sum(name).alias(name) for name in ("idle_ms", "events", "questions", "correct")),
        F.count_if(F.col("content_id").isNotNull() & (F.col("completions") > 0)).alias(
            "contents_completed"
        ),
    )
    started, ended = F.unix_micros("started_at"), F.unix_micros("ended_at")
    is_over = F.col("said_end") == F.col("ended_at")
    later = F.expr(f"ended_at + {_SILENCE}")
    accuracy = F.col("correct") / F.nullif(F.col("questions"), F.lit(0))
    return summed.select(
        "date_key",
        *SESSION,
        "started_at",
        "ended_at",
        F.when(is_over, F.col("ended_at")).otherwise(later).alias("closes_at"),
        F.floor((ended - started) / 1000).cast("bigint").alias("duration_ms"),
        F.coalesce("idle_ms", F.lit(0)).cast("bigint").alias("idle_ms"),
        "events",
        "questions",
        "correct",
        F.round(accuracy, 4).cast("decimal(5,4)").alias("accuracy"),
        "contents_completed",
        F.col("said_end").isNotNull().alias("is_completed"),
    )


def _with_visits(events: DataFrame) -> DataFrame:
    """Events with the pause before each, and a number that grows where a day had no event."""
    in_order = Window.partitionBy(*SESSION).orderBy("occurred_at", "event_id")
    before = F.lag("occurred_at").over(in_order)
    days = F.datediff(F.to_date("occurred_at"), F.to_date("before"))
    pause = F.floor((F.unix_micros("occurred_at") - F.unix_micros("before")) / 1000)
    steps = events.select("*", before.alias("before")).select(
        "*",
        F.when(days > 1, 1).otherwise(0).alias("is_return"),
        F.when(days <= 1, pause).cast("bigint").alias("pause_ms"),
    )
    return steps.select("*", F.sum("is_return").over(in_order).alias("visit"))

"""Gold: how the mastery of skills changed, event by event, and what it is now."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lyceum.model.table import Table, View

SKILL = ("tenant_id", "learner_id", "skill_id")
_MASTERY = "decimal(9,6)"

MASTERY_DELTAS = Table(
    name="gold.mastery_deltas",
    grain="one row per event that changed the mastery of a skill of a learner",
    keys=("date_key", "event_id"),
    columns="""
        date_key INT NOT NULL COMMENT 'UTC day of the event, yyyymmdd',
        event_id STRING NOT NULL COMMENT 'The event',
        tenant_id STRING NOT NULL COMMENT 'Tenant',
        learner_id STRING NOT NULL COMMENT 'Learner within the tenant',
        skill_id STRING NOT NULL COMMENT 'Skill',
        content_id STRING COMMENT 'Content on which it changed, where the event says so',
        occurred_at TIMESTAMP NOT NULL COMMENT 'When it changed, UTC',
        mastery_before DECIMAL(9,6) COMMENT 'Mastery before, 0 to 1; NULL for the first event',
        mastery_after DECIMAL(9,6) NOT NULL COMMENT 'Mastery after, 0 to 1',
        delta DECIMAL(9,6) COMMENT 'mastery_after less mastery_before; NULL for the first event'
    """,
    cluster_by=("date_key",),
    retention_days=2557,
    personal=("learner_id",),
    person=("learner_id",),
)

LEARNER_MASTERY = Table(
    name="gold.learner_mastery",
    grain="one row per tenant, learner and skill: the latest mastery",
    keys=SKILL,
    columns="""
        tenant_id STRING NOT NULL COMMENT 'Tenant',
        learner_id STRING NOT NULL COMMENT 'Learner within the tenant',
        skill_id STRING NOT NULL COMMENT 'Skill',
        mastery DECIMAL(9,6) NOT NULL COMMENT 'Mastery after the latest event, 0 to 1',
        date_key INT NOT NULL COMMENT 'UTC day of the latest event, yyyymmdd',
        occurred_at TIMESTAMP NOT NULL COMMENT 'When it changed last, UTC'
    """,
    personal=("learner_id",),
    person=("learner_id",),
)

CONTENT_MASTERY_TRENDS = View(
    name="gold.content_mastery_trends",
    comment="how mastery changed by content and skill on each of the last 90 days",
    base=MASTERY_DELTAS,
    query="""
        SELECT date_key, tenant_id, content_id, skill_id,
            count(*) AS changes, count(DISTINCT learner_id) AS learners,
            round(avg(mastery_after), 4) AS average_mastery, round(avg(delta), 4) AS average_delta
        FROM {base}
        WHERE occurred_at >= date_sub(current_date(), 90)
        GROUP BY date_key, tenant_id, content_id, skill_id
    """,
)


def mastery_deltas(events: DataFrame, *, earlier: DataFrame) -> DataFrame:
    """The changes of mastery, each beside the one before it.

    Args:
        events: Events; of each learner and skill all from some time on.
        earlier: tenant_id, learner_id, skill_id and mastery before that time, where there is one.
    """
    changes = events.where("event_type = 'mastery_updated'")
    in_order = Window.partitionBy(*SKILL).orderBy("occurred_at", "event_id")
    steps = changes.select(
        "date_key",
        "event_id",
        *SKILL,
        "content_id",
        "occurred_at",
        F.col("mastery").alias("mastery_after"),
        F.lag("mastery").over(in_order).alias("within"),
    )
    known = earlier.select(*SKILL, F.col("mastery").alias("earlier"))
    joined = steps.join(known, on=list(SKILL), how="left")
    before = F.coalesce("within", "earlier")
    return joined.select(
        "date_key",
        "event_id",
        *SKILL,
        "content_id",
        "occurred_at",
        before.alias("mastery_before"),
        "mastery_after",
        (F.col("mastery_after") - before).cast(_MASTERY).alias("delta"),
    )


def learner_mastery(deltas: DataFrame) -> DataFrame:
    """The latest mastery of each learner and skill among the changes."""
    last_first = Window.partitionBy(*SKILL).orderBy(F.desc("occurred_at"), F.desc("event_id"))
    ranked = deltas.select("*", F.row_number().over(last_first).alias("rank"))
    latest = ranked.where("rank = 1")
    mastery = F.col("mastery_after").alias("mastery")
    return latest.select(*SKILL, mastery, "date_key", "occurred_at")

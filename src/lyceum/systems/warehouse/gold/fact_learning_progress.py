"""The fact table of progress: each evening, how well each learner knows each skill."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.warehouse.gold.days import Span, day_key, evening
from lyceum.systems.warehouse.gold.members import with_member, with_member_at

FACT_LEARNING_PROGRESS = Table(
    name="gold.fact_learning_progress",
    grain="one row per UTC day, learner and skill: what was known at the end of the day",
    keys=("date_key", "learner_id", "skill_id"),
    columns="""
        date_key INT COMMENT 'UTC day at whose end it was so, yyyymmdd',
        learner_key BIGINT COMMENT 'Learner as of the end of the day; -1 if unknown',
        skill_key BIGINT COMMENT 'Skill; -1 if it is unknown',
        mastery DECIMAL(5,4) COMMENT 'How well the skill is known, from 0 to 1',
        attempts INT COMMENT 'Answers so far',
        correct INT COMMENT 'Of them right',
        practised_at TIMESTAMP COMMENT 'When it was practised last, UTC',
        learner_id STRING COMMENT 'Learner in the source',
        skill_id STRING COMMENT 'Skill in the source'
    """,
    cluster_by=("date_key",),
)
_BUCKETS = 64
_KEYS = ("learner_id", "skill_id")


def fact_learning_progress(
    mastery: DataFrame, *, learners: DataFrame, skills: DataFrame, span: Span
) -> DataFrame:
    """What was known at the end of each of the days.

    A version holds from the day on which it began to the day before the next one began; of two of
    one day the later one holds. It began at its `updated_at`, unless the snapshot before had shown
    another one after that: then when its own snapshot was taken.

    Args:
        mastery: Versions of `skill_mastery`.
        learners: `dim_learner`.
        skills: `dim_skill`.
        span: The days.
    """
    held = _days_held(mastery).select(
        "*",
        F.greatest("_first", F.lit(span.first)).alias("_from"),
        F.least(F.coalesce("_last", F.lit(span.last)), F.lit(span.last)).alias("_until"),
    )
    held = held.where((F.col("_from") <= F.col("_until")) & ~F.col("_is_deleted"))
    facts = held.select("*", F.explode(F.sequence("_from", "_until")).alias("_day"))
    facts = facts.select("*", evening(F.col("_day")).alias("_evening"))
    facts = with_member_at(facts, learners, key="learner_key", name="learner_id", at="_evening")
    facts = with_member(facts, skills, key="skill_key", name="skill_id")
    return facts.select(
        day_key(F.col("_day")).alias("date_key"),
        *("learner_key", "skill_key", "mastery", "attempts", "correct", "practised_at"),
        *("learner_id", "skill_id"),
    )


def _days_held(mastery: DataFrame) -> DataFrame:
    """The versions with the `_first` and `_last` day on which they hold; NULL: they still do."""
    bucket = F.pmod(F.xxhash64(*_KEYS), F.lit(_BUCKETS)).alias("_bucket")
    in_order = Window.partitionBy("_bucket").orderBy(*_KEYS, "_snapshot_at")

    def neighbour(column: str, step: int) -> Column:
        """The value of the version before or after, of the same key."""
        is_same = F.lit(True)
        for key in _KEYS:
            is_same &= F.lag(key, step).over(in_order) == F.col(key)
        return F.when(is_same, F.lag(column, step).over(in_order))

    seen, updated = F.col("_snapshot_at"), F.col("updated_at")
    known = mastery.select("*", bucket)
    known = known.select("*", neighbour("_snapshot_at", 1).alias("_seen_before"))
    before = F.col("_seen_before")
    is_told = (updated <= seen) & (before.isNull() | (updated > before))
    dated = known.select("*", F.to_date(F.when(is_told, updated).otherwise(seen)).alias("_first"))
    return dated.select("*", F.date_sub(neighbour("_first", -1), 1).alias("_last"))

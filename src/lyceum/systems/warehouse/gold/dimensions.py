"""The dimensions: the document's columns, and keys that follow from what a row says."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.warehouse.silver import (
    LEARNER_COLUMNS,
    SKILL_COLUMNS,
    SUBJECT_COLUMNS,
    TENANT_COLUMNS,
    USER_COLUMNS,
)

_TIMES = """effective_from TIMESTAMP COMMENT 'From when it was so, UTC',
        effective_to TIMESTAMP COMMENT 'Until when, not included, UTC; NULL while it is so',
        is_current BOOLEAN COMMENT 'True for the latest version of what is in the source'"""
_BUCKETS = 64

DIM_TENANT = Table(
    name="gold.dim_tenant",
    grain="one row per tenant and time in which it stayed as it was (SCD type 2)",
    keys=("tenant_key",),
    columns=f"""
        tenant_key BIGINT COMMENT 'Surrogate key: hash of tenant and effective_from',
        {TENANT_COLUMNS},
        {_TIMES}
    """,
)

DIM_LEARNER = Table(
    name="gold.dim_learner",
    grain="one row per learner and time in which the learner stayed as before (SCD type 2)",
    keys=("learner_key",),
    columns=f"""
        learner_key BIGINT COMMENT 'Surrogate key: hash of learner and effective_from',
        {LEARNER_COLUMNS},
        {_TIMES}
    """,
    personal=("learner_id", "learner_name"),
    person=("learner_id",),
)

DIM_USER = Table(
    name="gold.dim_user",
    grain="one row per teacher, parent or administrator, as they are now (SCD type 1)",
    keys=("user_key",),
    columns=f"""
        user_key BIGINT COMMENT 'Surrogate key: hash of the user',
        {USER_COLUMNS}
    """,
    personal=("user_id", "user_name", "email"),
    person=("user_id",),
)

DIM_SUBJECT = Table(
    name="gold.dim_subject",
    grain="one row per subject, as it is now",
    keys=("subject_key",),
    columns=f"""
        subject_key BIGINT COMMENT 'Surrogate key: hash of the code',
        {SUBJECT_COLUMNS}
    """,
)

DIM_SKILL = Table(
    name="gold.dim_skill",
    grain="one row per skill of the curriculum, as it is now",
    keys=("skill_key",),
    columns=f"""
        skill_key BIGINT COMMENT 'Surrogate key: hash of the skill',
        {SKILL_COLUMNS}
    """,
)


def dim_tenant(history: DataFrame) -> DataFrame:
    """Tenants, a row a version."""
    return _versions(history, "tenant_id").select(
        F.xxhash64("tenant_id", "effective_from").alias("tenant_key"),
        *("tenant_id", "tenant_name", "plan", "is_active"),
        *("effective_from", "effective_to", "is_current"),
    )


def dim_learner(history: DataFrame) -> DataFrame:
    """Learners, a row a version."""
    return _versions(history, "learner_id").select(
        F.xxhash64("learner_id", "effective_from").alias("learner_key"),
        *("learner_id", "tenant_id", "learner_name", "grade_level", "locale", "is_active"),
        *("effective_from", "effective_to", "is_current"),
    )


def dim_user(users: DataFrame) -> DataFrame:
    """Users as they are now."""
    return users.select(F.xxhash64("user_id").alias("user_key"), "*")


def dim_subject(subjects: DataFrame) -> DataFrame:
    """Subjects as they are now."""
    return subjects.select(F.xxhash64("subject_code").alias("subject_key"), "*")


def dim_skill(skills: DataFrame) -> DataFrame:
    """Skills as they are now."""
    return skills.select(F.xxhash64("skill_id").alias("skill_key"), "*")


def _versions(history: DataFrame, key: str) -> DataFrame:
    """The history with `effective_from`, `effective_to` and `is_current`.

    A version began at its `updated_at` if that lies between the snapshot that began the version
    before, or ended it by a delete, and its own; otherwise when its own snapshot was taken. So the
    times of a key increase, also if the source forgets to write `updated_at` or writes an old one.
    """
    seen, ended = F.col("__START_AT._snapshot_at"), F.col("__END_AT._snapshot_at")
    updated = F.col("__START_AT._updated_at")
    # By buckets of keys: a window for each key costs the embedded engine far more.
    in_order = Window.partitionBy("_bucket").orderBy(key, "_seen")
    known = history.select(
        "*",
        F.pmod(F.xxhash64(key), F.lit(_BUCKETS)).alias("_bucket"),
        seen.alias("_seen"),
        ended.alias("_ended"),
    )
    before = F.lag(key).over(in_order) == F.col(key)
    neighbours = known.select(
        "*",
        F.when(before, F.lag("_seen").over(in_order)).alias("_seen_before"),
        F.when(before, F.lag("_ended").over(in_order)).alias("_ended_before"),
    )
    was_gone = F.col("_ended_before") < F.col("_seen")
    bound = F.when(was_gone, F.col("_ended_before")).otherwise(F.col("_seen_before"))
    is_told = (updated <= seen) & (bound.isNull() | (updated > bound))
    dated = neighbours.select(
        "*",
        F.when(is_told, updated).otherwise(seen).alias("effective_from"),
    )
    follows = (F.lead(key).over(in_order) == F.col(key)) & (
        F.lead("_seen").over(in_order) == F.col("_ended")
    )
    return dated.select(
        "*",
        F.when(follows, F.lead("effective_from").over(in_order))
        .otherwise(F.col("_ended"))
        .alias("effective_to"),
        _is_open().alias("is_current"),
    )


def _is_open() -> Column:
    return F.col("_ended").isNull()

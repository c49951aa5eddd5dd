"""The keys of dimensions in facts: as of the fact's time, -1 for a member that nobody knows."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

UNKNOWN = -1
_BUCKETS = 64


def with_member(facts: DataFrame, members: DataFrame, *, key: str, name: str) -> DataFrame:
    """The facts with the key of a member as it is now.

    Args:
        facts: Facts with a column `name`; where it is NULL, so is the key.
        members: A dimension with the columns `key` and `name`.
        key: The surrogate key.
        name: What identifies the member in the source.
    """
    known = members.select(F.col(name).alias("_member"), F.col(key).alias("_member_key"))
    joined = facts.join(known, F.col(name) == F.col("_member"), "left")
    return _named(facts, joined, key=key, name=name)


def with_member_at(
    facts: DataFrame, members: DataFrame, *, key: str, name: str, at: str
) -> DataFrame:
    """The facts with the key of a member as it was at an instant of the fact.

    Before the first version that is known, that one counts: it is not known what was before.

    Args:
        facts: Facts with the columns `name` and `at`; where the name is NULL, so is the key.
        members: A dimension of type 2 with the columns `key` and `name`.
        key: The surrogate key.
        name: What identifies the member in the source.
        at: The instant of the fact.
    """
    in_order = Window.partitionBy("_bucket").orderBy(name, "effective_from")
    bucket = F.pmod(F.xxhash64(name), F.lit(_BUCKETS)).alias("_bucket")
    is_first = ~F.coalesce(F.lag(name).over(in_order) == F.col(name), F.lit(False))
    known = members.select(name, key, "effective_from", "effective_to", bucket).select(
        F.col(name).alias("_member"),
        F.col(key).alias("_member_key"),
        F.when(~is_first, F.col("effective_from")).alias("_valid_from"),
        F.col("effective_to").alias("_valid_to"),
    )
    held = (F.col("_valid_from").isNull() | (F.col(at) >= F.col("_valid_from"))) & (
        F.col("_valid_to").isNull() | (F.col(at) < F.col("_valid_to"))
    )
    joined = facts.join(known, (F.col(name) == F.col("_member")) & held, "left")
    return _named(facts, joined, key=key, name=name)


def _named(facts: DataFrame, joined: DataFrame, *, key: str, name: str) -> DataFrame:
    found = F.when(
        F.col(name).isNotNull(), F.coalesce("_member_key", F.lit(UNKNOWN).cast("bigint"))
    )
    return joined.select(*facts.columns, found.alias(key))

"""The days on which a fact table depends on rows that changed: which must be built again."""

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.systems.warehouse.gold.days import date_key


def touched_days(
    versions: DataFrame,
    *,
    keys: tuple[str, ...],
    instants: tuple[str, ...],
    changes: Mapping[str, DataFrame],
) -> DataFrame:
    """`date_key`, `source` and `_snapshot_at`: the last change of a source that concerns a day.

    A change concerns every day on which any version of its row lies: one that it left, too.

    Args:
        versions: Versions of the rows that give facts.
        keys: What identifies such a row.
        instants: The instants that put it on a day.
        changes: By source: versions with the same keys, of the rows themselves and of what
            belongs to them.
    """
    named = [
        rows.select(*keys, "_snapshot_at", F.lit(source).alias("source"))
        for source, rows in changes.items()
    ]
    changed = reduce(DataFrame.unionByName, named).groupBy(*keys, "source")
    last = changed.agg(F.max("_snapshot_at").alias("_snapshot_at"))
    day = F.explode(F.array(*(date_key(F.col(instant)) for instant in instants)))
    days = versions.select(*keys, day.alias("date_key")).where("date_key IS NOT NULL").distinct()
    concerned = last.join(days, on=list(keys)).groupBy("date_key", "source")
    return concerned.agg(F.max("_snapshot_at").alias("_snapshot_at"))

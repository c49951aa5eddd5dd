"""What all delivered rows have in common: which version counts, which rows are lost.

Here and in the tables built on it columns come by `select`: for `withColumns` and `drop` Spark
Connect looks at the table at once, and a pipeline then neither sees that it reads it nor reads
what it has just written.
"""

from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lyceum.quality.rules import Rule
from lyceum.systems.events.bronze import as_delivered
from lyceum.systems.events.silver.standard import identifier
from lyceum.systems.events.source.entities import Entity
from lyceum.systems.events.source.rows import GUESSED

_NAMES = ("source_key", "record_key", "position", "raw", "load_id", "seen_at")
_ARRIVAL = ("_ingested_at", "_source_modified_at", "_source_file", "_row_number")
PROVENANCE = (*_NAMES, *_ARRIVAL)
"""What a record keeps of where it came from, beside its own columns."""

LANDING_RULES = (
    Rule(
        "unreadable_file",
        "rejected",
        "no row of the file can be read; raw says why, the file is in the quarantine folder",
        f"_row_number = 0 AND _problem <> '{GUESSED}'",
    ),
    Rule(
        "guessed_encoding",
        "flagged",
        "the file is neither UTF-8 nor UTF-16: it was read as Windows-1252",
        f"_row_number = 0 AND _problem = '{GUESSED}'",
    ),
    Rule(
        "malformed_row",
        "rejected",
        "the line has not the fields that the header names, or is no JSON object of text",
        "_problem IS NOT NULL AND _row_number > 0",
    ),
    Rule(
        "row_without_id",
        "rejected",
        "the row has no identifier, or an empty one",
        "_problem IS NULL",
    ),
)


def keyless_rows(landing: DataFrame, *, entity: Entity) -> DataFrame:
    """What has no key to be known by: unreadable files, malformed rows, rows without an id."""
    named = landing.transform(named_records, entity=entity).where(F.col("record_key").isNull())
    line = F.concat(F.lit("line "), F.col("position"))
    return named.select(
        "_source_modified_at",
        "_problem",
        "_row_number",
        *(line.alias(name) if name == "record_key" else name for name in _NAMES),
    )


def last_deliveries(landing: DataFrame, *, entity: Entity) -> DataFrame:
    """When each file was delivered last."""
    source_key = _source_key(entity).alias("source_key")
    last = F.max("_source_modified_at").alias("_source_modified_at")
    return landing.groupBy(source_key).agg(last)


def lost_rows(keyless: DataFrame, *, deliveries: DataFrame) -> DataFrame:
    """The keyless rows of the last delivery of their file, fit for `LANDING_RULES`.

    A file that is delivered again under its name supersedes what was lost in it before.
    """
    same_file = ["source_key", "_source_modified_at"]
    return keyless.join(deliveries, on=same_file, how="left_semi")


def named_records(landing: DataFrame, *, entity: Entity) -> DataFrame:
    """The rows with what the quarantine knows them by; `record_key` is the standardised key."""
    is_readable = F.col("_problem").isNull()
    return landing.select(
        "*",
        _source_key(entity).alias("source_key"),
        F.when(is_readable, identifier(F.col(entity.key))).alias("record_key"),
        F.when(F.col("_row_number") > 0, F.col("_row_number")).alias("position"),
        as_delivered(entity).alias("raw"),
        F.lit(None).cast("string").alias("load_id"),
        F.col("_ingested_at").alias("seen_at"),
    )


def counting_versions(records: DataFrame, *, modified: str, rules: tuple[Rule, ...]) -> DataFrame:
    """Of every key the version that counts, and what was rejected after the last good one came.

    It is the good one modified last; a version without a date is the oldest, ties go to the one
    that came last. What was rejected before a good version came is mended by it.
    """
    marked = records.where(F.col("record_key").isNotNull()).select(
        "*", _is_rejected(rules).alias("is_rejected")
    )
    of_key = Window.partitionBy("record_key")
    last_first = [F.desc(name) for name in _ARRIVAL]
    best_first = of_key.orderBy("is_rejected", F.desc(modified), *last_first)
    since = of_key.orderBy(*last_first, "is_rejected").rowsBetween(Window.unboundedPreceding, 0)
    ranked = marked.select(
        "*",
        F.row_number().over(best_first).alias("version_rank"),
        F.count_if(~F.col("is_rejected")).over(since).alias("good_since"),
    )
    is_best = ~F.col("is_rejected") & (F.col("version_rank") == 1)
    is_open = F.col("is_rejected") & (F.col("good_since") == 0)
    return ranked.where(is_best | is_open)


def latest_master(landing: DataFrame, *, entity: Entity) -> DataFrame:
    """One row a key of a master: the one of the file modified last, ties to the last that came.

    A master's row has no modified date: that of its file stands for it.
    """
    key, value = entity.columns
    order = ("_source_modified_at", "_ingested_at", "_source_file", "_row_number")
    readable = landing.where(F.col("_problem").isNull())
    rows = readable.select(identifier(F.col(key)).alias(key), value, *order)
    last_first = Window.partitionBy(key).orderBy(*(F.desc(name) for name in order))
    ranked = rows.where(F.col(key).isNotNull()).select(
        key, value, F.row_number().over(last_first).alias("rank")
    )
    return ranked.where(F.col("rank") == 1).select(key, value)


def _is_rejected(rules: tuple[Rule, ...]) -> Column:
    broken = [F.coalesce(F.expr(r.broken), F.lit(False)) for r in rules if r.severity == "rejected"]
    return reduce(or_, broken, F.lit(False))


def _source_key(entity: Entity) -> Column:
    return F.concat(F.lit(f"{entity.name}/"), F.col("_source_file"))

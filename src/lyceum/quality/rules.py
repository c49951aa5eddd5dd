"""Rules over records: what breaks one is rejected or flagged, and always kept in quarantine."""

from dataclasses import dataclass
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

_RECORD = ("source_key", "record_key", "position", "raw", "load_id", "seen_at")


@dataclass(frozen=True)
class Rule:
    """One thing that a record must not be."""

    id: str
    severity: Literal["rejected", "flagged"]
    """Rejected records do not reach the table; flagged ones do."""
    detail: str
    """What is wrong with a record that breaks the rule, for a person."""
    broken: str
    """SQL expression over the record's columns, true where the rule is broken."""


def without_rejected(records: DataFrame, *, rules: tuple[Rule, ...]) -> DataFrame:
    """The records that break no rejecting rule."""
    rejecting = [rule for rule in rules if rule.severity == "rejected"]
    return records.where(F.size(_broken(rejecting)) == 0)


def expectations(rules: tuple[Rule, ...]) -> dict[str, str]:
    """What a pipeline expects of records, by rule; as in the other functions NULL is not broken."""
    return {rule.id: f"NOT coalesce({rule.broken}, false)" for rule in rules}


def broken_rules(records: DataFrame, *, rules: tuple[Rule, ...]) -> DataFrame:
    """One row per record and rule that it breaks.

    Records have source_key, record_key, position, raw, load_id and seen_at: see `ops.quarantine`.
    """
    found = F.explode(_broken(rules)).alias("found")
    return records.select(*_RECORD, found).select("found.*", *_RECORD)


def quarantine_rows(broken: DataFrame, *, system: str) -> DataFrame:
    """Rows of `ops.quarantine`, one a record and rule.

    Records of one key that break the same rule are told apart by their order in the source: what
    is delivered again, with or without good records in between, keeps its identifier.
    """
    in_order = Window.partitionBy("rule", "source_key", "record_key", "seen_at").orderBy("position")
    last_first = Window.partitionBy("quarantine_id").orderBy(F.desc("seen_at"))
    # By `select`: for `withColumn` Spark Connect looks at the table, which a pipeline may not.
    numbered = broken.select("*", F.row_number().over(in_order).alias("nth"))
    named = numbered.select("*", _identity(system).alias("quarantine_id"))
    ranked = named.select("*", F.row_number().over(last_first).alias("rank"))
    return ranked.where(F.col("rank") == 1).select(
        "quarantine_id",
        F.lit(system).alias("system"),
        "rule",
        "severity",
        "detail",
        *_RECORD,
        F.lit(None).cast("timestamp").alias("resolved_at"),
    )


def mended_rows(looked_at: DataFrame, found: DataFrame, *, system: str, at: Column) -> DataFrame:
    """Open quarantine rows that are not found any more, with the time they were mended.

    The caller limits `looked_at` to the sources that were looked at again.
    """
    still = found.select("quarantine_id")
    mended = looked_at.where(is_open(system)).join(still, on="quarantine_id", how="left_anti")
    return mended.withColumn("resolved_at", at)


def is_open(system: str) -> Column:
    """True for what stands in the quarantine of a system unresolved."""
    return (F.col("system") == system) & F.col("resolved_at").isNull()


def _broken(rules: tuple[Rule, ...] | list[Rule]) -> Column:
    """The rules that a record breaks, as an array of structs."""
    candidates = [
        F.when(
            F.expr(rule.broken),
            F.struct(
                F.lit(rule.id).alias("rule"),
                F.lit(rule.severity).alias("severity"),
                F.lit(rule.detail).alias("detail"),
            ),
        )
        for rule in rules
    ]
    return F.filter(F.array(*candidates), lambda rule: rule.isNotNull())


def _identity(system: str) -> Column:
    """Not of `raw`: engines write the same record differently."""
    parts = ("rule", "source_key", "record_key")
    texts = (F.coalesce(F.col(part), F.lit("\x00")) for part in parts)
    nth = F.col("nth").cast("string")
    return F.sha2(F.concat_ws("\x1f", F.lit(system), *texts, nth), 256)

"""Quarantine: what broke a rule, kept with the rule, counted, and resolved when it is mended."""

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.quality.rules import is_open
from lyceum.runs.reporter import Reporter
from pocketlake import Written

_SHOWN_ID = 12
_FEW = 5

QUARANTINE = Table(
    name="ops.quarantine",
    grain="one row per input record and rule that it broke",
    keys=("quarantine_id",),
    columns="""
        quarantine_id STRING NOT NULL COMMENT 'Hash of system, rule, source, record and its order',
        system STRING NOT NULL COMMENT 'The system that found it, such as lms',
        rule STRING NOT NULL COMMENT 'Identifier of the rule',
        severity STRING NOT NULL COMMENT 'rejected: not in the table; flagged: in it',
        source_key STRING COMMENT 'The unit of input it came with: an event, a file',
        record_key STRING COMMENT 'Identifier of the record, where it has one',
        position BIGINT COMMENT 'Line in the file, or place in the list; NULL for a whole source',
        detail STRING COMMENT 'What was wrong, for a person',
        raw STRING COMMENT 'The record as it came',
        load_id STRING COMMENT 'The load that saw it last',
        seen_at TIMESTAMP NOT NULL COMMENT 'When it was seen last, UTC',
        resolved_at TIMESTAMP COMMENT 'When a later load found it mended, UTC; NULL while open'
    """,
    cluster_by=("system", "rule"),
    retention_days=548,
    retention_column="resolved_at",
    personal=("record_key", "detail", "raw"),
    person=("record_key", "detail", "raw"),
)


class UnknownNameError(UsageError):
    """Nothing in quarantine has that system or rule."""


class UnknownRecordError(UsageError):
    """No record of the quarantine, or more than one, has that identifier."""


def quarantine_counts(
    lake: Lakehouse, *, system: str | None = None, rule: str | None = None, only_open: bool = True
) -> list[Row]:
    """Records by system and rule: open and resolved, the newest and its identifier.

    Raises UnknownNameError if no record, open or resolved, has the system or the rule.
    """
    rows = lake.read(QUARANTINE)
    for column, value in (("system", system), ("rule", rule)):
        if value is not None:
            _check_is_there(rows, column, value)
            rows = rows.where(F.col(column) == value)
    unresolved = F.col("resolved_at").isNull()
    grouped = (rows.where(unresolved) if only_open else rows).groupBy("system", "rule", "severity")
    return (
        grouped.agg(
            F.count_if(unresolved).alias("open"),
            F.count_if(~unresolved).alias("resolved"),
            F.date_format(F.max("seen_at"), "yyyy-MM-dd HH:mm:ss").alias("newest"),
            F.left(F.max_by("quarantine_id", "seen_at"), F.lit(_SHOWN_ID)).alias("id"),
        )
        .orderBy("system", "severity", "rule")
        .collect()
    )


def _check_is_there(rows: DataFrame, column: str, value: str) -> None:
    names = sorted(row[0] for row in rows.select(column).distinct().collect())
    if value not in names:
        known = f"one of {', '.join(names)}" if names else "nothing is in quarantine"
        raise UnknownNameError(f"expected the {column} of a record, found {value!r}: {known}")


def quarantined(lake: Lakehouse, prefix: str) -> Row:
    """The record whose identifier begins so; raises UnknownRecordError unless there is one."""
    begins = F.col("quarantine_id").startswith(prefix.lower())
    found = lake.read(QUARANTINE).where(begins).orderBy("quarantine_id").limit(_FEW).collect()
    if len(found) == 1:
        return found[0]
    if not found:
        message = f"expected the identifier of a record in quarantine, found {prefix!r}"
        raise UnknownRecordError(f"{message}: `lyceum quarantine list` shows some")
    ids = ", ".join(row.quarantine_id[:_SHOWN_ID] for row in found)
    raise UnknownRecordError(f"expected one record, found several that begin so: {ids}")


def open_records(lake: Lakehouse, system: str, *, rule: str | None = None) -> DataFrame:
    """The records of a system that are not resolved, those that broke one rule if it is named."""
    rows = lake.read(QUARANTINE).where(is_open(system))
    return rows if rule is None else rows.where(F.col("rule") == rule)


def keep(lake: Lakehouse, rows: DataFrame) -> Written:
    """Write rows of the quarantine; one that was seen before, just as it is, stays as it is."""
    return lake.merge(QUARANTINE, rows, unless_only=("seen_at", "load_id"))


def show_open(lake: Lakehouse, reporter: Reporter, system: str) -> None:
    """Open records of a system by rule; nothing if there are none."""
    rows = open_records(lake, system)
    counts = rows.groupBy("severity", "rule").count().orderBy("severity", "rule").collect()
    if counts:
        columns = ["severity", "rule", "records"]
        reporter.table("In quarantine", columns, [tuple(row) for row in counts])

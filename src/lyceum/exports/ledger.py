"""The tables of exports: which there were, what each consumer has, and what is under way.

A consumer's watermark is the key and the hash of every row that it has. Neither a version of a
table nor a time: a view of a pipeline has no versions to read, and clocks hide changes.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.files import Files
from lyceum.model.table import Table

EXPORTS = Table(
    name="ops.exports",
    grain="one row per export and table, written when its files are in place",
    keys=("export_id", "table_name"),
    columns="""
        export_id STRING NOT NULL COMMENT 'Run that exported; its start is in the file names',
        export_name STRING NOT NULL COMMENT 'What is exported, such as events_export',
        consumer STRING NOT NULL COMMENT 'Whose rows in export_rows the export moves on',
        table_name STRING NOT NULL COMMENT 'The table that the row is about',
        is_full BOOLEAN NOT NULL COMMENT 'True if it has all rows, not what changed',
        is_excel_safe BOOLEAN NOT NULL COMMENT 'True if formulas are escaped for spreadsheets',
        destination STRING NOT NULL COMMENT 'Folder of the files',
        row_count BIGINT NOT NULL COMMENT 'Rows in the file',
        removed_count BIGINT NOT NULL COMMENT 'Rows that were sent before and are gone',
        sha256 STRING NOT NULL COMMENT 'Hash of the file',
        started_at TIMESTAMP NOT NULL COMMENT 'Start of the export, UTC',
        recorded_at TIMESTAMP NOT NULL COMMENT 'When its files were in place, UTC'
    """,
    cluster_by=(),
)

EXPORT_ROWS = Table(
    name="ops.export_rows",
    grain="one row per row of a table that a consumer has: the state that was sent last",
    keys=("export_name", "consumer", "table_name", "row_key"),
    columns="""
        export_name STRING NOT NULL COMMENT 'What is exported, such as events_export',
        consumer STRING NOT NULL COMMENT 'Who has the row',
        table_name STRING NOT NULL COMMENT 'The table that the row is of',
        row_key STRING NOT NULL COMMENT 'Its key, a JSON list of texts',
        row_hash BIGINT COMMENT 'xxhash64 of the columns that were sent; NULL: sent as removed',
        export_id STRING NOT NULL COMMENT 'The export that sent it'
    """,
    personal=("row_key",),
    person=("row_key",),
)

EXPORT_CHANGES = Table(
    name="ops.export_changes",
    grain="one row per changed row of an export under way; empty when none is",
    keys=("export_name", "consumer", "table_name", "row_key"),
    columns="""
        export_name STRING NOT NULL COMMENT 'What is exported, such as events_export',
        consumer STRING NOT NULL COMMENT 'Who gets the row',
        table_name STRING NOT NULL COMMENT 'The table that the row is of',
        row_key STRING NOT NULL COMMENT 'Its key, a JSON list of texts',
        row_hash BIGINT COMMENT 'xxhash64 of the columns that are sent; NULL: it is gone',
        export_id STRING NOT NULL COMMENT 'The export that sends it',
        cells ARRAY<STRING> COMMENT 'The columns that are sent, as text; NULL: it is gone'
    """,
    personal=("row_key", "cells"),
    person=("row_key", "cells"),
)


def name_suffix(started_at: datetime, export_id: str) -> str:
    """What the names of an export's files end with."""
    return f"{started_at:%Y%m%d_%H%M%S}_{export_id[:8]}"


def exported_files(lake: Lakehouse, _folder: Path, before: datetime) -> Iterable[Path]:
    """The files of exports that were in place before an instant, wherever they were written."""
    done = lake.read(EXPORTS).where(F.col("recorded_at") < F.lit(before))
    for row in done.select("destination", "started_at", "export_id").distinct().collect():
        suffix = name_suffix(row.started_at.astimezone(UTC), row.export_id)
        yield from Path(row.destination).glob(f"*_{suffix}.*")


EXPORT_FILES = Files("outbound", "exported files", retention_days=548, old=exported_files)

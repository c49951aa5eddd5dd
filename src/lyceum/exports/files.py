"""The files of an export: one a table, and the manifest that names them."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lyceum.exports.csv_file import excel_safe, write_csv
from lyceum.exports.declaration import ExportedTable

_REMOVED_LISTED = 10_000


@dataclass(frozen=True)
class ExportedFile:
    """A file as the manifest describes it."""

    name: str
    table_name: str
    keys: tuple[str, ...]
    columns: Sequence[tuple[str, str]]
    """Name and type."""
    rows: int
    bytes: int
    sha256: str
    removed: Sequence[Sequence[str]]
    """Keys of rows that are gone, at most 10,000."""
    removed_count: int


def write_table(
    path: Path,
    rows: DataFrame,
    exported: ExportedTable,
    types: StructType,
    *,
    is_excel_safe: bool,
) -> ExportedFile:
    """Write the changed rows of a table, ordered by key, in the columns of EXPORT_CHANGES."""
    is_gone = F.col("row_hash").isNull()
    order = [F.get("cells", F.lit(exported.columns.index(key))) for key in exported.table.keys]
    cells: Iterator[list[str | None]] = (
        row.cells for row in rows.where(~is_gone).orderBy(*order).select("cells").toLocalIterator()
    )
    if is_excel_safe:
        cells = ([excel_safe(cell) for cell in row] for row in cells)
    found = write_csv(path, exported.columns, cells)
    gone = rows.where(is_gone).select("row_key")
    listed = gone.orderBy("row_key").limit(_REMOVED_LISTED).collect()
    return ExportedFile(
        name=path.name,
        table_name=exported.table.name,
        keys=exported.table.keys,
        columns=[(name, types[name].dataType.simpleString()) for name in exported.columns],
        rows=found.rows,
        bytes=found.bytes,
        sha256=found.sha256,
        removed=[json.loads(row.row_key) for row in listed],
        removed_count=len(listed) if len(listed) < _REMOVED_LISTED else gone.count(),
    )


def write_manifest(path: Path, facts: Mapping[str, object], files: Sequence[ExportedFile]) -> Path:
    """Write what the export is and what its files hold; always the same for the same export."""
    form = {
        "encoding": "utf-8",
        "delimiter": "|",
        "line_end": "\n",
        "null": "an empty field without quotes",
    }
    entries = [_entry(file, is_full=facts["kind"] == "full") for file in files]
    text = json.dumps({**facts, **form, "files": entries}, indent=2, ensure_ascii=False)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    return path


def _entry(file: ExportedFile, *, is_full: bool) -> dict[str, object]:
    entry: dict[str, object] = {
        "name": file.name,
        "table": file.table_name,
        "keys": file.keys,
        "rows": file.rows,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "columns": [{"name": name, "type": kind} for name, kind in file.columns],
    }
    if is_full:
        return entry
    is_complete = file.removed_count == len(file.removed)
    return entry | {"removed": file.removed, "removed_is_complete": is_complete}

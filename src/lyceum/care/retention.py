"""Retention: which rows and files are past the time that their declaration gives them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import folders
from lyceum.model.files import Files
from lyceum.model.table import Table
from pocketlake.declaration import declared_columns


@dataclass(frozen=True)
class Past:
    """Files of a folder that are past their retention."""

    declaration: Files
    files: tuple[Path, ...]
    bytes: int


def limit(table: Table, now: datetime) -> object | None:
    """The value of the retention column from which on rows are kept; None: all are."""
    if table.retention_days is None:
        return None
    before = now - timedelta(days=table.retention_days)
    kinds = {column.name: column.ddl_type.upper() for column in declared_columns(table.columns)}
    kind = kinds[table.retention_column]
    if kind == "TIMESTAMP":
        return before
    return before.date() if kind == "DATE" else int(f"{before:%Y%m%d}")


def rows_past(lake: Lakehouse, table: Table, now: datetime) -> int:
    """How many rows are past their retention."""
    before = limit(table, now)
    if before is None:
        return 0
    return lake.read(table).where(F.col(table.retention_column) < F.lit(before)).count()


def delete_past(lake: Lakehouse, table: Table, now: datetime) -> int:
    """Delete those rows and return their number; without any nothing is committed."""
    where, before = f"{table.retention_column} < :before", limit(table, now)
    return 0 if before is None else lake.delete(table, where=where, args={"before": before})


def files_past(lake: Lakehouse, now: datetime) -> Iterator[Past]:
    """The files that are done with and past their retention, by declared folder."""
    for declaration in folders():
        before = now - timedelta(days=declaration.retention_days)
        found = sorted(declaration.old(lake, place(lake, declaration), before))
        if found:
            yield Past(declaration, tuple(found), sum(file.stat().st_size for file in found))


def place(lake: Lakehouse, declaration: Files) -> Path:
    """Where the folder is: files are landed where the configuration says."""
    first, *below = Path(declaration.folder).parts
    root = lake.config.landing if first == "landing" else lake.config.home / first
    return root.joinpath(*below)

"""Preprocess: any delivered file becomes one Parquet file of text columns, once.

A whole file is in memory while it is prepared.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lyceum.systems.events.source.delimited import delimited_rows
from lyceum.systems.events.source.deliveries import Delivery
from lyceum.systems.events.source.documents import json_rows, parquet_rows
from lyceum.systems.events.source.entities import ENTITIES, Entity
from lyceum.systems.events.source.errors import UnreadableFileError
from lyceum.systems.events.source.rows import GUESSED, MALFORMED, Rows
from lyceum.systems.events.source.text import decoded, decompressed

_TIME = pa.timestamp("us", tz="UTC")
_UNREADABLE = "unreadable"
_Problem = tuple[int, str | None, str]
_ROWS = "rows"
_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Folders:
    """Where prepared files and files that nobody can read are kept."""

    home: Path

    def prepared(self, entity: Entity) -> Path:
        """The prepared files of an entity."""
        return self.home / "prepared" / entity.name

    def quarantine(self, entity: Entity) -> Path:
        """The files of an entity that could not be read, as they came."""
        return self.home / "quarantine" / entity.name

    def create(self) -> None:
        """Make the folders, so that a stream finds what it reads."""
        for entity in ENTITIES:
            self.prepared(entity).mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class Prepared:
    """What became of one delivery."""

    entity: Entity
    name: str
    rows: int
    malformed: int
    problem: str | None


def schema(entity: Entity) -> pa.Schema:
    """The columns of a prepared file."""
    texts = (*entity.columns, "_rescued", "_problem", "_raw")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            ("_source_file", pa.string()),
            ("_source_modified_at", _TIME),
            ("_row_number", pa.int64()),
            ("_ingested_at", _TIME),
        ]
    )


def prepare(
    found: list[Delivery], folders: Folders, *, ingested_at: datetime
) -> Iterator[Prepared]:
    """Prepare the deliveries that are not prepared yet, one after the other."""
    folders.create()
    for delivery in found:
        folder = folders.prepared(delivery.entity)
        if _is_whole(folder / f"{delivery.id}-{_ROWS}.parquet"):
            continue
        if not _is_whole(folder / f"{delivery.id}-{_UNREADABLE}.parquet"):
            result = _prepared(delivery, folder, ingested_at)
            yield result
            if result.problem is None:
                continue
        # Set aside after it is on record: whoever is killed in between does it the next time.
        _set_aside(delivery, folders)


def prepared_before(delivery: Delivery, folders: Folders, before: datetime) -> bool:
    """True if the delivery is in a prepared file that was written before an instant."""
    file = folders.prepared(delivery.entity) / f"{delivery.id}-{_ROWS}.parquet"
    return _is_older(file, before)


def set_aside_before(entity: Entity, folders: Folders, before: datetime) -> Iterator[Path]:
    """The files of an entity that were set aside before an instant: their own times are older."""
    for file in folders.quarantine(entity).glob("*"):
        delivery_id = file.name.partition("-")[0]
        mark = folders.prepared(entity) / f"{delivery_id}-{_UNREADABLE}.parquet"
        if _is_older(mark, before):
            yield file


def _is_older(file: Path, before: datetime) -> bool:
    return file.exists() and file.stat().st_mtime < before.timestamp()


def source_name(prepared: Path) -> str | None:
    """The name under which a prepared file was delivered; None if it has no rows."""
    for batch in pq.ParquetFile(prepared).iter_batches(1, columns=["_source_file"]):
        return str(batch.column(0)[0])
    return None


def read_file(entity: Entity, path: Path) -> Rows:
    """The rows of a file; raises UnreadableFileError if it has none that can be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"expected a file that can be read, found one that cannot: {error.strerror}"
        raise UnreadableFileError(message) from None
    return read_rows(entity, data)


def read_rows(entity: Entity, data: bytes) -> Rows:
    """The rows of a file; its first bytes say what it is, not its name."""
    content = decompressed(data)
    if content.startswith(_MAGIC):
        return parquet_rows(entity, content)
    text, is_guess = decoded(content)
    read = json_rows if text.lstrip()[:1] == "{" else delimited_rows
    rows = read(entity, text)
    rows.is_guess = is_guess
    return rows


def _prepared(delivery: Delivery, folder: Path, ingested_at: datetime) -> Prepared:
    try:
        rows = read_file(delivery.entity, delivery.path)
    except UnreadableFileError as error:
        table = _problem_table(delivery, ingested_at, [(0, None, str(error))])
        _write(table, folder / f"{delivery.id}-{_UNREADABLE}.parquet")
        return Prepared(delivery.entity, delivery.name, 0, 0, str(error))
    table = _row_table(delivery, ingested_at, rows)
    problems: list[_Problem] = [(0, None, GUESSED)] if rows.is_guess else []
    problems += [(number, raw, MALFORMED) for number, raw in rows.malformed]
    if problems:
        table = pa.concat_tables([table, _problem_table(delivery, ingested_at, problems)])
    _write(table, folder / f"{delivery.id}-{_ROWS}.parquet")
    return Prepared(delivery.entity, delivery.name, len(rows.numbers), len(rows.malformed), None)


def _row_table(delivery: Delivery, ingested_at: datetime, rows: Rows) -> pa.Table:
    columns = {**rows.columns, "_row_number": rows.numbers}
    if rows.rescued is not None:
        columns["_rescued"] = rows.rescued
    return _table(delivery, ingested_at, columns, len(rows.numbers))


def _problem_table(delivery: Delivery, ingested_at: datetime, problems: list[_Problem]) -> pa.Table:
    numbers, raws, reasons = zip(*problems, strict=True)
    columns = {
        "_row_number": pa.array(numbers, pa.int64()),
        "_raw": pa.array(raws, pa.string()),
        "_problem": pa.array(reasons, pa.string()),
    }
    return _table(delivery, ingested_at, columns, len(problems))


def _table(
    delivery: Delivery, ingested_at: datetime, columns: dict[str, pa.Array], count: int
) -> pa.Table:
    same = {
        "_source_file": delivery.name,
        "_source_modified_at": delivery.modified_at,
        "_ingested_at": ingested_at,
    }
    target = schema(delivery.entity)
    arrays = [
        columns[field.name]
        if field.name in columns
        else pa.repeat(pa.scalar(same.get(field.name), field.type), count)
        for field in target
    ]
    return pa.table(arrays, schema=target)


def _write(table: pa.Table, file: Path) -> None:
    """Write on the local disk, then copy from start to end: a volume has no rename."""
    with tempfile.TemporaryFile(prefix="lyceum-") as aside:
        pq.write_table(table, aside, compression="zstd")
        aside.seek(0)
        with file.open("wb") as prepared:
            shutil.copyfileobj(aside, prepared)


def _is_whole(file: Path) -> bool:
    """True if the file ends as Parquet does: whoever is killed may leave a part of a copy."""
    if not file.exists() or file.stat().st_size <= len(_MAGIC):
        return False
    with file.open("rb") as prepared:
        prepared.seek(-len(_MAGIC), os.SEEK_END)
        return prepared.read() == _MAGIC


def _set_aside(delivery: Delivery, folders: Folders) -> None:
    """Out of the way of the next run; a file that is gone, or may not be moved, is left alone."""
    target = folders.quarantine(delivery.entity) / f"{delivery.id}-{delivery.path.name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        shutil.copyfile(delivery.path, target)
        delivery.path.unlink()

"""Rows: what every format is read into, and the canonical Arrow table that they become."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from lyceum.errors import printable
from lyceum.files.names import unique_names
from lyceum.systems.events.source.entities import Entity
from lyceum.systems.events.source.errors import UnreadableFileError

MALFORMED = "the line has not the fields that the header names, or is no JSON object of text"
GUESSED = "the file is not UTF-8: it was read as Windows-1252"


@dataclass
class Rows:
    """The rows of a file by column, the rescued fields of each, and what is no row at all."""

    columns: dict[str, pa.Array]
    """The declared columns that the file has."""
    numbers: pa.Array
    """The line where each row begins, or its row in a Parquet file, from 1."""
    rescued: pa.Array | None = None
    """JSON of the fields that nobody declared, NULL where there is none."""
    malformed: list[tuple[int, str]] = field(default_factory=list)
    """Line and text of what could not be read."""
    is_guess: bool = False
    """True if the encoding is a guess: `GUESSED`."""


def column_name(header: str) -> str:
    """The name that a header cell means, whatever its case and punctuation.

    >>> column_name(" Event-ID ")
    'event_id'
    """
    return re.sub(r"[^0-9a-z]+", "_", header.strip().lower()).strip("_")


def column_names(entity: Entity, headers: Sequence[str]) -> list[str]:
    """A name of its own for every column of a file, checked against the declared ones.

    >>> column_names(Entity("x", ("id",)), ["ID", "note", "Note", ""])
    ['id', 'note', 'note_2', 'column_4']
    """
    names = [column_name(header) for header in headers]
    twice = sorted({n for n in names if n in entity.columns and names.count(n) > 1})
    if twice:
        message = f"expected each column once, found {', '.join(twice)} more than once"
        raise UnreadableFileError(message)
    if entity.key not in names:
        found = ", ".join(printable(header.strip()[:40]) for header in headers[:10]) or "nothing"
        message = f"expected a header with the column {entity.key}, found {found}"
        raise UnreadableFileError(message)
    return unique_names(names)


def rows_of_records(entity: Entity, records: Iterable[tuple[int, dict[str, str | None]]]) -> Rows:
    """Rows from one dictionary each; fields of no declared column are rescued."""
    values: dict[str, list[str | None]] = {name: [] for name in entity.columns}
    numbers: list[int] = []
    rescued: list[str | None] = []
    for number, record in records:
        numbers.append(number)
        for name in entity.columns:
            values[name].append(record.pop(name, None))
        rescued.append(rescued_json(record))
    columns = {name: pa.array(column, pa.string()) for name, column in values.items()}
    return Rows(columns, pa.array(numbers, pa.int64()), pa.array(rescued, pa.string()))


def rescued_json(fields: dict[str, str | None]) -> str | None:
    """The fields that hold something, as JSON; NULL if none does."""
    kept = {name: value for name, value in fields.items() if value not in (None, "")}
    return json.dumps(kept, ensure_ascii=False) if kept else None

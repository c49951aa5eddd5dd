"""Delimited files for other systems: exact, and the same bytes for the same rows.

UTF-8, LF, `|`, quotes as in RFC 4180. NULL is an empty field without quotes, an empty text is
`""`: csv.reader gives '' for both, from Python 3.13 with csv.QUOTE_NOTNULL None for the first.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_NEEDS_QUOTES = re.compile(r'[|"\r\n]')
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class FileFacts:
    """What a file holds."""

    rows: int
    bytes: int
    sha256: str


def line(cells: Iterable[str | None]) -> str:
    r"""One record with its line end.

    >>> line(["PT1", None, "", 'a "b" | c'])
    'PT1||""|"a ""b"" | c"\n'
    """
    return "|".join(map(_field, cells)) + "\n"


def excel_safe(cell: str | None) -> str | None:
    """The cell, with an apostrophe before what a spreadsheet would take for a formula.

    >>> excel_safe("=HYPERLINK(0)"), excel_safe("a=b")
    ("'=HYPERLINK(0)", 'a=b')
    """
    return f"'{cell}" if cell and cell.startswith(_FORMULA_STARTS) else cell


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[str | None]]) -> FileFacts:
    """Write a file row by row and onto the disk."""
    digest, count, size = hashlib.sha256(), -1, 0
    with path.open("wb") as file:
        for cells in _with_header(header, rows):
            content = line(cells).encode()
            digest.update(content)
            size += file.write(content)
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return FileFacts(count, size, digest.hexdigest())


def _with_header(
    header: Sequence[str], rows: Iterable[Iterable[str | None]]
) -> Iterable[Iterable[str | None]]:
    yield header
    yield from rows


def _field(cell: str | None) -> str:
    if cell is None:
        return ""
    if cell == "" or _NEEDS_QUOTES.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell

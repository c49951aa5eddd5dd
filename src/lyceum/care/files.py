"""Erasure in files: every file below the home that names a person is written without the name.

Text of any kind, gzip and Parquet. A file keeps its name and its time, so that whoever has taken it
in does not take it for a new one. The files of tables are not touched: only their rows are.
"""

import gzip
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lyceum.care.columns import replaced, texts_with
from lyceum.care.person import People, Person
from lyceum.care.retention import place
from lyceum.exports.ledger import EXPORTS
from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import folders
from lyceum.model.files import Files

KEY_FILE = "erasure.key"
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_LEFT_ALONE = {"locks", KEY_FILE}


@dataclass
class Scan:
    """What was looked at, and the files in which somebody is named."""

    files: int = 0
    bytes: int = 0
    hits: dict[Person, list[Path]] = field(default_factory=dict)


def roots(lake: Lakehouse) -> list[Path]:
    """The folders that may hold files of persons, none within another."""
    config = lake.config
    found = {config.home, config.landing, *(place(lake, one) for one in folders())}
    exports = lake.read(EXPORTS).select("destination").distinct().collect()
    found |= {Path(row.destination) for row in exports}
    if config.is_local_disk:
        found.add(Path(str(lake.warehouse)))
    whole = {root.resolve() for root in found if root.is_dir()}
    return sorted(one for one in whole if not whole.intersection(one.parents))


def find_files(lake: Lakehouse, people: People) -> Iterator[tuple[Path, set[Person]]]:
    """The files that name somebody and are no table's, and whom."""
    warehouse = Path(str(lake.warehouse)).resolve()
    for file in _files(lake):
        if warehouse not in file.parents and (who := named_in(file.read_bytes(), people)):
            yield file, who


def scan(lake: Lakehouse, people: People) -> Scan:
    """Look for the people in every byte of home, tables, landing and exports."""
    seen = Scan(hits={person: [] for person in people})
    for file in _files(lake):
        data = file.read_bytes()
        seen.files, seen.bytes = seen.files + 1, seen.bytes + len(data)
        for person in named_in(data, people):
            seen.hits[person].append(file)
    return seen


def named_in(data: bytes, people: People) -> set[Person]:
    """Whom the content names, packed or not."""
    if not _is_parquet(data):
        return people.within(_text(_unpacked(data))[0])
    found: set[Person] = set()
    for batch in pq.ParquetFile(pa.BufferReader(data)).iter_batches():
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            for text in texts_with([column], people):
                found |= people.within(text, name)
    return found


def rewrite_file(lake: Lakehouse, file: Path, people: People) -> None:
    """Write a file anew without the people; first whoever knows it by its bytes is told.

    Where its time cannot be kept, as in a volume perhaps, a file that was taken in is deleted: as
    a new one it would be taken in again.
    """
    data, stat = file.read_bytes(), file.stat()
    new = without(data, people)
    declared = [one for one in folders() if place(lake, one).resolve() in file.parents]
    for one in declared:
        if one.adopt is not None:
            one.adopt(lake, file, new)
    aside = file.with_name(f".{file.name}.erasing")
    aside.write_bytes(new)
    with suppress(OSError):
        os.utime(aside, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    if aside.stat().st_mtime_ns != stat.st_mtime_ns and _is_taken_in(lake, file, declared):
        file.unlink()
        aside.unlink()
    else:
        aside.replace(file)


def without(data: bytes, people: People) -> bytes:
    """The content without the people, in its own form."""
    if _is_parquet(data):
        rows = pq.read_table(pa.BufferReader(data))
        out = io.BytesIO()
        pq.write_table(replaced(rows, people, rows.schema.names), out, compression="zstd")
        return out.getvalue()
    text, encoded = _text(_unpacked(data))
    new = encoded(people.replaced(text))
    return gzip.compress(new, mtime=0) if data.startswith(_GZIP) else new


def _is_taken_in(lake: Lakehouse, file: Path, declared: Sequence[Files]) -> bool:
    now = datetime.now(UTC)
    taken_in = (one.old(lake, place(lake, one), now) for one in declared)
    return any(file == path.resolve() for paths in taken_in for path in paths)


def _files(lake: Lakehouse) -> Iterator[Path]:
    for root in roots(lake):
        for file in sorted(root.rglob("*")):
            is_ours = not _LEFT_ALONE.intersection(file.relative_to(root).parts)
            if is_ours and file.is_file():
                yield file


def _is_parquet(data: bytes) -> bool:
    return data.startswith(_PARQUET) and data.endswith(_PARQUET)


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError):
        return data


def _text(data: bytes) -> tuple[str, Callable[[str], bytes]]:
    """The bytes as text, and how a text becomes bytes again; what is no text is kept as it is."""
    encoding = _UTF16.get(data[:2])
    if encoding is not None:
        try:
            return data.decode(encoding), lambda new: new.encode(encoding)
        except UnicodeDecodeError:
            pass
    return (
        data.decode("utf-8", "surrogateescape"),
        lambda new: new.encode("utf-8", "surrogateescape"),
    )

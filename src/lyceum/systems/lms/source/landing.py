"""A load's folder in the landing volume: what the LMS answered, and the record of it.

A volume takes files from start to end and whole: each is written aside on the local disk, then
copied to its final name. A copy may break off, so a file counts only if the load's record,
`load.json`, holds its size and SHA-256.
"""

import hashlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

Scope = Literal["complete", "since", "retry"]

PAGES = "pages.jsonl"
"""The pages of the events list."""
EVENTS = "events.jsonl"
"""The events to fetch; once this file is there, the load can be resumed."""
CHUNKS = "chunk-{:05d}.jsonl"
"""The answers, in the order in which they came."""

# The new record is written under the second name, then under the first: a kill leaves one whole.
_RECORD, _NEXT_RECORD = "load.json", "load.next.json"
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Load:
    """One load of the LMS, from the list of its events to the audit log."""

    scope: Scope
    source: str
    """What a load must share with the unfinished one that it resumes."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class LandedFile:
    """A file as it was written: a line is a row."""

    rows: int
    size: int
    sha256: str


class RowsAside:
    """Rows on their way to a file, on the local disk; memory does not grow with them."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="lyceum-", buffering=_BLOCK)  # noqa: SIM115
        self._digest = hashlib.sha256()
        self.rows = self.size = 0

    def add(self, row: Mapping[str, object]) -> None:
        """Write a row as a line of JSON."""
        line = json.dumps(row, ensure_ascii=False, default=_as_text).encode() + b"\n"
        self._file.write(line)
        self._digest.update(line)
        self.rows += 1
        self.size += len(line)

    def copy_to(self, target: Path) -> LandedFile:
        """Copy the rows to their final name, from start to end, and forget them here."""
        self._file.seek(0)
        with self._file, target.open("wb") as landed:
            shutil.copyfileobj(self._file, landed, _BLOCK)
        return LandedFile(self.rows, self.size, self._digest.hexdigest())


class LoadFolder:
    """The files of one load, in `<root>/<load id>`; one process works with it at a time."""

    def __init__(self, root: Path, load: Load, files: dict[str, LandedFile] | None = None) -> None:
        self.load = load
        self.path = root / load.id
        self._files = files or {}

    @classmethod
    def unfinished(cls, root: Path) -> Self | None:
        """The load under `root` that knows its events, with those of its files that are whole."""
        for path in sorted(root.glob("*/")):
            found = _record(path)
            if found is None:
                continue
            load, files = found
            whole = {name: f for name, f in files.items() if _is_whole(path / name, f)}
            # Without one of its lists the rest tells nothing: the load begins anew.
            if EVENTS in whole and (PAGES in whole or PAGES not in files):
                return cls(root, load, whole)
        return None

    @classmethod
    def new(cls, root: Path, load: Load) -> Self:
        """An empty folder for that load; what other loads left is dropped."""
        for path in root.glob("*/"):
            _drop(path)
        (root / load.id).mkdir(parents=True)
        return cls(root, load)

    @property
    def pages(self) -> int:
        """How many pages the events list has."""
        return self._files[PAGES].rows if PAGES in self._files else 0

    @property
    def events(self) -> int:
        """How many events the load has to fetch."""
        return self._files[EVENTS].rows

    @property
    def answered(self) -> int:
        """How many of them have their answer in a file."""
        return sum(self._files[name].rows for name in self._chunks)

    @property
    def is_planned(self) -> bool:
        """True if the events to fetch are known."""
        return EVENTS in self._files

    def keep(self, name: str, aside: RowsAside) -> None:
        """Copy rows to a file of the folder and put it on record."""
        self._files |= {name: aside.copy_to(self.path / name)}
        facts = asdict(self.load) | {"files": {n: asdict(f) for n, f in self._files.items()}}
        text = json.dumps(facts, default=_as_text, indent=1)
        for record in (_NEXT_RECORD, _RECORD):
            (self.path / record).write_text(text, encoding="utf-8")

    def keep_chunk(self, aside: RowsAside) -> None:
        """Keep further answers as the next chunk."""
        last = max(self._chunks, default=None)
        number = 0 if last is None else int(last.removesuffix(".jsonl").rpartition("-")[2]) + 1
        self.keep(CHUNKS.format(number), aside)

    def plan(self, event_ids: Iterable[str]) -> int:
        """Keep the events to fetch; returns their number. From then on the load can be resumed."""
        aside = RowsAside()
        for event_id in event_ids:
            aside.add({"event_id": event_id})
        self.keep(EVENTS, aside)
        return aside.rows

    def pending(self) -> Iterator[str]:
        """The events that no file has an answer of."""
        answered = {row["event_id"] for name in self._chunks for row in self._rows(name)}
        planned = (row["event_id"] for row in self._rows(EVENTS))
        return (event_id for event_id in planned if event_id not in answered)

    def page_files(self) -> list[str]:
        """The file of the pages; none in a load that asks for no list."""
        return [str(self.path / PAGES)] if PAGES in self._files else []

    def answer_files(self) -> list[str]:
        """The files with the answers."""
        return [str(self.path / name) for name in self._chunks]

    def drop(self) -> None:
        """Delete the folder: the load is over, or not wanted any more."""
        _drop(self.path)

    @property
    def _chunks(self) -> list[str]:
        return sorted(self._files.keys() - {PAGES, EVENTS})

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        with (self.path / name).open("rb") as lines:
            yield from map(json.loads, lines)


def _record(path: Path) -> tuple[Load, dict[str, LandedFile]] | None:
    """What the record says; None if there is none that is whole."""
    for name in (_RECORD, _NEXT_RECORD):
        with suppress(OSError, ValueError, KeyError, TypeError):
            facts = json.loads((path / name).read_text(encoding="utf-8"))
            files = {name: LandedFile(**file) for name, file in facts.pop("files").items()}
            load = Load(**facts | {"started_at": datetime.fromisoformat(facts["started_at"])})
            if name == _NEXT_RECORD:
                # The next change begins with the one that is whole.
                shutil.copyfile(path / _NEXT_RECORD, path / _RECORD)
            return load, files
    return None


def _is_whole(path: Path, file: LandedFile) -> bool:
    try:
        if path.stat().st_size != file.size:
            return False
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def _drop(path: Path) -> None:
    """Delete a folder, its record first: what is half deleted must not be resumed."""
    for record in (_RECORD, _NEXT_RECORD):
        (path / record).unlink(missing_ok=True)
    shutil.rmtree(path)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)

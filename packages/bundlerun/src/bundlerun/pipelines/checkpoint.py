"""The checkpoint of a streaming table: which files each batch takes in, recorded first.

A batch is a small JSON file, written aside and renamed. Its number goes into the table's commit, so
a batch that was recorded, and perhaps written, is repeated with the same files and written once.
"""

import json
import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from bundlerun.pipelines.kafka import Offsets

_MOST_FILES = 100


@dataclass(frozen=True)
class Span:
    """The versions of a table between which a stream reads; from None means all rows."""

    table_id: str
    since: int | None
    until: int


@dataclass(frozen=True)
class Batch:
    """What one write of a streaming table takes in."""

    number: int
    checkpoint: str
    """A name that no other checkpoint has: tables know batches by it and their number."""
    table_id: str
    """The table that was written; a new one under its name starts anew."""
    starts_anew: bool = False
    """True if it replaces all rows of the table; batches before it do not count."""
    is_done: bool = False
    files: Mapping[str, list[str]] = field(default_factory=dict)
    """By folder; relative to the checkpoint, so that both may be moved together."""
    passed: Mapping[str, list[str]] = field(default_factory=dict)
    """The files that were there before a stream that does not take them."""
    tables: Mapping[str, Span] = field(default_factory=dict)
    offsets: Offsets = field(default_factory=dict)
    """Of Kafka: by cluster and topic, then by partition."""
    once: list[str] = field(default_factory=list)
    """The flows that are read once, and in this batch."""

    @classmethod
    def read(cls, file: Path) -> Self:
        """A batch as it was recorded."""
        content = json.loads(file.read_text(encoding="utf-8"))
        content["tables"] = {name: Span(**span) for name, span in content["tables"].items()}
        return cls(**content)


class Checkpoint:
    """The batches of a streaming table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = sorted(folder.glob("[0-9]*.json")) if folder.is_dir() else []
        batches = [Batch.read(file) for file in found]
        anew = [i for i, batch in enumerate(batches) if batch.starts_anew]
        self._batches = batches[anew[-1] :] if anew else batches

    @property
    def last(self) -> Batch | None:
        """The batch that was recorded last."""
        return self._batches[-1] if self._batches else None

    def unfinished(self, table_id: str | None) -> Batch | None:
        """The last batch if it may not be in its table, which still is the same."""
        last = self.last
        return last if last and not last.is_done and last.table_id == table_id else None

    def starts_anew(self, table_id: str | None) -> bool:
        """True if nothing is known of this table."""
        return self.last is None or self.last.table_id != table_id

    def files_since(self, folder: Path, *, pattern: str, anew: bool) -> list[str]:
        """The files of a folder that no batch has, all if anew; relative to the checkpoint."""
        key = self.relative(folder)
        known = [] if anew else self._batches
        seen = {f for b in known for files in (b.files, b.passed) for f in files.get(key, ())}
        found = (self.relative(file) for file in _files(folder, pattern))
        return sorted(file for file in found if file not in seen)

    def position(self, table: str) -> Span | None:
        """Up to where a table was read."""
        spans = (b.tables[table] for b in reversed(self._batches) if table in b.tables)
        return next(spans, None)

    def once_since(self, flows: Iterable[str], *, anew: bool) -> list[str]:
        """The flows that no batch has read, all if anew."""
        seen = set() if anew else {flow for batch in self._batches for flow in batch.once}
        return sorted(flow for flow in flows if flow not in seen)

    def offsets(self) -> dict[str, dict[str, int]]:
        """Up to where each partition was read."""
        found: dict[str, dict[str, int]] = {}
        for batch in self._batches:
            for topic, parts in batch.offsets.items():
                found.setdefault(topic, {}).update({n: until for n, (_, until) in parts.items()})
        return found

    def record(
        self,
        *,
        table_id: str,
        files: Mapping[str, list[str]],
        passed: Mapping[str, list[str]],
        tables: Mapping[str, Span],
        offsets: Offsets,
        once: list[str],
        anew: bool,
    ) -> Batch:
        """A new batch, recorded before it is written."""
        last = self.last
        batch = Batch(
            number=last.number + 1 if last else 0,
            checkpoint=last.checkpoint if last else uuid.uuid4().hex,
            table_id=table_id,
            starts_anew=anew,
            files=files,
            passed=passed,
            tables=tables,
            offsets=offsets,
            once=once,
        )
        self._write(batch)
        self._batches = [batch] if anew else [*self._batches, batch]
        return batch

    def done(self, batch: Batch) -> None:
        """Record that the batch is in its table."""
        done = replace(batch, is_done=True)
        if len(self._batches) > _MOST_FILES:
            done = self._merged(done)
        self._write(done)
        self._batches = [done] if done.starts_anew else [*self._batches[:-1], done]
        if done.starts_anew:
            self._forget_before(done.number)

    def relative(self, path: Path) -> str:
        """A path as batches have it."""
        return os.path.relpath(path.absolute(), self.folder.absolute())

    def absolute(self, path: str) -> str:
        """The path that stands in a batch."""
        return os.path.normpath(self.folder.absolute() / path)

    def _merged(self, last: Batch) -> Batch:
        """One batch that stands for all so far."""
        files: dict[str, list[str]] = {}
        tables: dict[str, Span] = {}
        for batch in self._batches:
            for folder, names in (*batch.files.items(), *batch.passed.items()):
                files.setdefault(folder, []).extend(names)
            tables |= batch.tables
        offsets = {
            topic: {number: (until, until) for number, until in parts.items()}
            for topic, parts in self.offsets().items()
        }
        once = [flow for batch in self._batches for flow in batch.once]
        return replace(
            last, files=files, tables=tables, offsets=offsets, once=once, starts_anew=True
        )

    def _write(self, batch: Batch) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / f"{batch.number:08d}.json", asdict(batch))

    def _forget_before(self, number: int) -> None:
        """Remove what no longer counts; whoever is killed here does it the next time."""
        for file in self.folder.glob("[0-9]*.json"):
            if int(file.stem) < number:
                file.unlink(missing_ok=True)


def write_json(file: Path, content: object) -> None:
    """Write aside and rename: a reader sees the whole file or the one before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.write_text(json.dumps(content), encoding="utf-8")
    aside.replace(file)


def _files(folder: Path, pattern: str) -> Iterable[Path]:
    """The files below a folder, none of them hidden."""
    for file in folder.rglob(pattern):
        parts = file.relative_to(folder).parts
        if not any(part.startswith((".", "_")) for part in parts) and file.is_file():
            yield file

"""Messages from a folder of JSON lines: each file is a topic of one partition, a line an offset."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from threading import Event

from lyceum.errors import UsageError
from lyceum.systems.stream.source.messages import Batch, Positions, Slice, row, table


class FilesError(UsageError):
    """The folder of the files is not there."""


class FileSource:
    """The lines of the files of a folder, by name; a file that grows is read on."""

    def __init__(self, folder: Path, stop: Event) -> None:
        if not folder.is_dir():
            message = f"expected a folder of *.jsonl files, found none at {folder}"
            raise FilesError(f"{message}: create it, or give another one with --files")
        self._folder, self._stop = folder, stop
        self._sizes: dict[Path, int] = {}
        """Of files that were read to their end."""

    def batch(self, positions: Positions, *, most: int, seconds: float) -> Batch | None:
        """The next lines at once; if there are none, None after so many seconds."""
        found = self._found(positions, most)
        if found is None:
            self._stop.wait(seconds)
        return found

    def begin(self, positions: Positions) -> dict[Slice, int]:  # noqa: ARG002
        """Every file is read from its begin."""
        return {}

    def lag(self, positions: Positions) -> dict[Slice, int] | None:  # noqa: ARG002
        """What is there was read."""
        return {}

    def publish(self, positions: Positions) -> None:
        """There is nobody to tell."""

    def close(self) -> None:
        """There is nothing to close."""

    def _found(self, positions: Positions, most: int) -> Batch | None:
        until: dict[Slice, int] = {}
        rows: list[tuple[object, ...]] = []
        for file in sorted(self._folder.glob("*.jsonl")):
            place = (file.name, 0)
            if len(rows) == most or self._sizes.get(file) == file.stat().st_size:
                continue
            size = file.stat().st_size
            start = positions.get(place, 0)
            found = [
                row(place, start + n, line)
                for n, line in enumerate(_lines(file, start, most - len(rows)))
            ]
            if len(rows) + len(found) < most:
                self._sizes[file] = size
            if found:
                until[place] = start + len(found)
                rows += found
        return Batch(table(rows), until) if rows else None


def _lines(file: Path, start: int, most: int) -> Iterator[bytes]:
    with file.open("rb") as lines:
        yield from (line.rstrip(b"\r\n") for line in islice(lines, start, start + most))

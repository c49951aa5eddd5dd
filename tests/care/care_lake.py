"""What the tests of care share: what maintenance says, and tables that are worth it."""

import os
import time
from datetime import timedelta
from pathlib import Path

from lyceum.care.maintain import Maintenance, maintain
from lyceum.lakehouse import Lakehouse
from lyceum.runs.reporter import Reporter


class Said(Reporter):
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.tables: dict[str, list[tuple[object, ...]]] = {}

    def say(self, text: str) -> None:
        self.lines.append(text)

    def table(self, title, columns, rows) -> None:  # noqa: ARG002
        self.tables[title] = [tuple(row) for row in rows]

    def of(self, title: str) -> dict[object, tuple[object, ...]]:
        """The rows of a table by their first cell."""
        return {row[0]: row[1:] for row in self.tables.get(title, [])}


def maintained(lake: Lakehouse, *names: str, **options) -> Said:
    now = options.pop("now", None)
    said = Said()
    maintain(Maintenance(lake, said, names, **options), now=now)
    return said


def age(folder: Path, days: float) -> None:
    """Make the files look as if they had been written so many days ago."""
    at = time.time() - timedelta(days=days).total_seconds()
    for file in folder.rglob("*"):
        if file.is_file():
            os.utime(file, (at, at))

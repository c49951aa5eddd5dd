"""Files: the one declaration of a folder below the home, from which its retention derives."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

# The first argument is the Lakehouse, which knows of declarations and so is not named here.
Adopt = Callable[[Any, Path, bytes], None]
"""Takes the new content of a file that was taken in, before the file gets it."""
Old = Callable[[Any, Path, datetime], Iterable[Path]]
"""The files of a folder that are done with since before an instant."""


def unchanged_since(_lake: object, folder: Path, before: datetime) -> Iterable[Path]:
    """The files that were changed last before an instant."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return [file for file in files if file.stat().st_mtime < before.timestamp()]


@dataclass(frozen=True)
class Files:
    """Files of one kind: what they are and how long they are kept."""

    folder: str
    """Path below the home, such as `landing/sales`; `landing` is where the configuration says."""
    what: str
    """What the files are, for a person."""
    retention_days: int
    """Days after which maintenance may delete a file that is done with."""
    old: Old = unchanged_since
    """Which files those are; what nobody has taken in yet is never among them."""

    person: tuple[str, ...] = ()
    """Columns of the files that hold the identifiers of persons."""
    adopt: Adopt | None = None
    """For a system that knows its files by their bytes; an erasure writes some anew."""

    @property
    def name(self) -> str:
        """The folder, by which the declaration is known."""
        return self.folder

"""Deliveries: the files under the landing folder, each known by its name and its time."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lyceum.errors import UsageError
from lyceum.files.lines import as_text
from lyceum.systems.events.source.entities import ENTITIES, Entity

QUIET_SECONDS = 2.0
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LandingFolderError(UsageError):
    """The landing folder is not there."""


@dataclass(frozen=True)
class Delivery:
    """One file as it was delivered; the same name with another time is another delivery."""

    entity: Entity
    path: Path
    name: str
    """Path below the entity's folder; bytes of it that are no UTF-8 as backslash and number."""
    modified_ns: int
    size: int

    @property
    def modified_at(self) -> datetime:
        """The file's modification time, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.modified_ns // 1000)

    @property
    def id(self) -> str:
        """Name and time as one word, fit for a file name."""
        identity = f"{self.entity.name}\x1f{self.name}\x1f{self.modified_ns // 1000}"
        return hashlib.sha256(identity.encode()).hexdigest()[:24]


def deliveries(landing: Path, *, quiet: float = QUIET_SECONDS) -> list[Delivery]:
    """The finished files under `landing/<entity>/`, oldest first.

    A file that changed less than `quiet` seconds ago is looked at again when they have passed;
    if it has changed meanwhile somebody is still writing it, and it waits for the next run.
    Hidden files and the names that programs give to unfinished ones are left alone.
    """
    if not os.path.isdir(landing):  # noqa: PTH112 - False for what no path can be, too
        message = (
            f"expected a folder of deliveries, found none at {landing}: create it or say --landing"
        )
        raise LandingFolderError(message)
    found = list(_files(landing))
    youngest = max((file.modified_ns for file in found), default=0) / 1e9
    wait = min(quiet, youngest + quiet - time.time())
    if wait > 0:
        time.sleep(wait)
        found = sorted(set(found) & set(_files(landing)), key=lambda file: file.name)
    return sorted(found, key=lambda file: (file.modified_ns, file.entity.name, file.name))


def _files(landing: Path) -> Iterator[Delivery]:
    for entity in ENTITIES:
        folder = landing / entity.name
        for path in folder.rglob("*"):
            name = path.relative_to(folder)
            is_hidden = any(part.startswith((".", "_")) for part in name.parts)
            if is_hidden or path.name.endswith(_UNFINISHED) or not path.is_file():
                continue
            with suppress(FileNotFoundError):  # gone since it was listed
                stat = path.stat()
                shown = as_text(name.as_posix())
                yield Delivery(entity, path, shown, stat.st_mtime_ns, stat.st_size)

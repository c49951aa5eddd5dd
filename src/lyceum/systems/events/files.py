"""The files of the event pipeline: what may go when it is past its retention."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from lyceum.lakehouse import Lakehouse
from lyceum.model.files import Files
from lyceum.systems.events.source import ENTITIES, Folders, deliveries
from lyceum.systems.events.source.prepare import prepared_before, set_aside_before


def _delivered(lake: Lakehouse, folder: Path, before: datetime) -> Iterable[Path]:
    """What was delivered and is in a prepared file that was written before an instant."""
    if not folder.is_dir():
        return []
    folders = Folders(lake.config.home)
    return [d.path for d in deliveries(folder, quiet=0) if prepared_before(d, folders, before)]


def _set_aside(lake: Lakehouse, _folder: Path, before: datetime) -> Iterable[Path]:
    """What nobody could read and was set aside before an instant."""
    folders = Folders(lake.config.home)
    return [file for entity in ENTITIES for file in set_aside_before(entity, folders, before)]


DELIVERED_FILES = Files(
    "landing", "delivered files of events, as they came", retention_days=548, old=_delivered
)
SET_ASIDE_FILES = Files(
    "quarantine", "delivered files that nobody could read", retention_days=548, old=_set_aside
)

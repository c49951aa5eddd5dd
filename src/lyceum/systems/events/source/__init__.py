"""The landing folder: files of any shape, and what is prepared from them."""

from lyceum.systems.events.source.deliveries import Delivery, LandingFolderError, deliveries
from lyceum.systems.events.source.entities import (
    BRANDS,
    ENTITIES,
    EVENTS,
    INDICATIONS,
    MDM,
    PARTICIPANTS,
    Entity,
)
from lyceum.systems.events.source.errors import UnreadableFileError
from lyceum.systems.events.source.prepare import Folders, Prepared, prepare, read_rows, source_name

__all__ = [
    "BRANDS",
    "ENTITIES",
    "EVENTS",
    "INDICATIONS",
    "MDM",
    "PARTICIPANTS",
    "Delivery",
    "Entity",
    "Folders",
    "LandingFolderError",
    "Prepared",
    "UnreadableFileError",
    "deliveries",
    "prepare",
    "read_rows",
    "source_name",
]

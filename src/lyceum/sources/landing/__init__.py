"""The landing folder: files of any shape, and what is prepared from them."""

from lyceum.sources.landing.deliveries import Delivery, LandingFolderError, deliveries
from lyceum.sources.landing.entities import (
    BRANDS,
    ENTITIES,
    EVENTS,
    INDICATIONS,
    MDM,
    PARTICIPANTS,
    Entity,
)
from lyceum.sources.landing.errors import UnreadableFileError
from lyceum.sources.landing.prepare import Folders, Prepared, prepare, read_rows, source_name

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

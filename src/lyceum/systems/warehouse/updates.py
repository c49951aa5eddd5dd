"""What an update of the pipeline made of its tables, wherever it ran."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TableUpdate:
    """What an update made of a table, in rows."""

    inserted: int = 0
    """In a workspace what was updated too: its event log counts both together."""
    updated: int = 0
    deleted: int = 0
    error: str | None = None

    @property
    def is_change(self) -> bool:
        """True if a row was written."""
        return bool(self.inserted or self.updated or self.deleted)


@dataclass(frozen=True)
class Updated:
    """How an update fared."""

    tables: Mapping[str, TableUpdate]
    """By schema and name; what had nothing to do may be left out."""
    error: str | None
    """Why the first table failed; the others are up to date."""

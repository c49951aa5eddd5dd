"""What a table was and when: its versions and what a write did."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Version:
    """A state of a table: versions count anew when a table is made anew, with another id."""

    table_id: str
    number: int


@dataclass(frozen=True)
class Commit:
    """One entry of a table's history."""

    version: int
    timestamp: datetime
    operation: str


@dataclass(frozen=True)
class Facts:
    """What a table holds now."""

    bytes: int
    files: int
    version: int
    modified_at: datetime


@dataclass(frozen=True)
class Stale:
    """What a vacuum deletes: files that no version of the last hours needs."""

    files: int = 0
    bytes: int = 0
    """Their size; 0 where they are on no disk of this machine."""
    log_files: int = 0
    """Commits that old, which the log holds in a checkpoint too."""

    @property
    def is_nothing(self) -> bool:
        """True if a vacuum would change nothing."""
        return not (self.files or self.log_files)


@dataclass(frozen=True)
class Written:
    """What a write changed, in rows."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def is_nothing(self) -> bool:
        """True if the table is as it was, without a new version."""
        return not (self.inserted or self.updated or self.deleted)

    def __str__(self) -> str:
        """What a person reads.

        >>> str(Written(inserted=1200, deleted=1)), str(Written())
        ('1,200 new, 1 gone', 'no change')
        """
        changes = ((self.inserted, "new"), (self.updated, "changed"), (self.deleted, "gone"))
        return ", ".join(f"{count:,} {what}" for count, what in changes if count) or "no change"

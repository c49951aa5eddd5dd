"""What an engine does for a lake: the one interface that has two implementations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pyspark.sql import DataFrame, SparkSession

from pocketlake.conditions import Args
from pocketlake.declaration import Declaration
from pocketlake.versions import Commit, Facts, Stale, Version, Written


@dataclass(frozen=True)
class Place:
    """Where a table is."""

    name: str
    """Its quoted three-level name."""
    location: str | None
    """The folder or address of its files; None if the catalog manages it."""

    @property
    def schema(self) -> str:
        """The quoted name of its schema."""
        return self.name.rpartition(".")[0]


class Engine(Protocol):
    """Reads and writes Delta tables at known places; each write is one commit, or none."""

    spark: SparkSession

    def exists(self, place: Place) -> bool:
        """True if there is a table."""

    def attach(self, place: Place) -> None:
        """Make the table known to the session by its name."""

    def address(self, place: Place) -> str | None:
        """Where the session reads the files of a table; None if the catalog manages it."""

    def ensure(self, table: Declaration, place: Place) -> None:
        """Create the table, or evolve it to its declaration."""

    def append(
        self, table: Declaration, place: Place, rows: DataFrame, once: tuple[str, int] | None
    ) -> bool:
        """Append; False if this application has written this version, or a later one."""

    def merge(
        self,
        table: Declaration,
        place: Place,
        rows: DataFrame,
        *,
        unless_only: Sequence[str],
        delete: str | None,
        deleted: str | None,
        args: Args | None,
    ) -> Written:
        """Upsert by key; delete rows that match the condition and are not among `rows`.

        Where the column `deleted` is true the row of that key is deleted.
        """

    def replace(
        self,
        table: Declaration,
        place: Place,
        rows: DataFrame,
        *,
        where: str | None,
        args: Args | None,
    ) -> None:
        """Replace the rows that match, all if None."""

    def delete(self, table: Declaration, place: Place, *, where: str, args: Args | None) -> int:
        """Delete the rows that match; the number of them."""

    def version(self, place: Place) -> Version:
        """The present version."""

    def history(self, place: Place, limit: int) -> list[Commit]:
        """The latest commits, newest first."""

    def facts(self, place: Place) -> Facts:
        """Size, files and last change."""

    def restore(self, place: Place, version: int) -> None:
        """Make an earlier version the present one, as a new commit."""

    def compact(self, place: Place, clustering: Sequence[str]) -> None:
        """Write small files together, rows that are near each other in these columns too."""

    def stale(self, place: Place, retain_hours: int) -> Stale:
        """What a vacuum would delete."""

    def vacuum(self, place: Place, retain_hours: int) -> None:
        """Delete files that no version of the last hours needs, and the log of before."""

    def is_materialized(self, place: Place) -> bool:
        """True for a materialized view, which its pipeline alone may write."""

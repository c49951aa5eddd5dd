"""What an LMS load landed becomes bronze; events that could not be fetched are quarantined."""

from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import keep
from lyceum.quality.rules import quarantine_rows
from lyceum.systems.lms.bronze import (
    LMS_EVENT_SESSION_DETAILS,
    LMS_EVENTS,
    broken_fetches,
    event_pages,
    failed_events,
    fetched_payloads,
)
from lyceum.systems.lms.source.landing import Load

SYSTEM = "lms"


@dataclass(frozen=True)
class Landed:
    """A load with what the LMS answered; frames over the landed files."""

    load: Load
    pages: DataFrame
    answers: DataFrame
    folder: Path
    """Where to keep what is needed several times."""

    @property
    def started_at(self) -> Column:
        """The time that the load's changes are marked with."""
        return F.lit(self.load.started_at)

    def of_known_events(self, rows: DataFrame, event_id: str = "event_id") -> DataFrame:
        """The rows of those events whose present state the load knows.

        After a complete load that is every event but the failed: one that is not listed is gone.
        """
        if self.load.scope == "complete":
            return rows.join(self._failed(event_id), on=event_id, how="left_anti")
        return self.of_fetched_events(rows, event_id)

    def of_other_events(self, rows: DataFrame, event_id: str = "event_id") -> DataFrame:
        """The rows that `of_known_events` leaves out."""
        if self.load.scope == "complete":
            return rows.join(self._failed(event_id), on=event_id, how="left_semi")
        return self.of_unfetched_events(rows, event_id)

    def of_fetched_events(self, rows: DataFrame, event_id: str = "event_id") -> DataFrame:
        """The rows of the events that the LMS answered for."""
        return rows.join(self._fetched(event_id), on=event_id, how="left_semi")

    def of_unfetched_events(self, rows: DataFrame, event_id: str = "event_id") -> DataFrame:
        """The rows of all other events."""
        return rows.join(self._fetched(event_id), on=event_id, how="left_anti")

    def _fetched(self, event_id: str) -> DataFrame:
        return fetched_payloads(self.answers).select(F.col("event_id").alias(event_id))

    def _failed(self, event_id: str) -> DataFrame:
        return failed_events(self.answers).select(F.col("event_id").alias(event_id))


def publish_bronze(lake: Lakehouse, landed: Landed) -> None:
    """Make the landed answers the content of the bronze tables.

    A complete load replaces what was there; an event that it could not fetch keeps the payload
    of an earlier load.
    """
    pages, fetched = event_pages(landed.pages), fetched_payloads(landed.answers)
    if landed.load.scope == "complete":
        failed = failed_events(landed.answers).select("event_id")
        kept = lake.read(LMS_EVENT_SESSION_DETAILS).join(failed, on="event_id", how="left_semi")
        lake.replace(LMS_EVENTS, pages)
        lake.replace(LMS_EVENT_SESSION_DETAILS, fetched.unionByName(kept))
        return
    if landed.load.scope == "since":
        lake.append(LMS_EVENTS, pages, once=(f"lms:{landed.load.id}", 1))
    lake.merge(LMS_EVENT_SESSION_DETAILS, fetched)


def quarantine_failures(lake: Lakehouse, landed: Landed) -> None:
    """Keep the events that could not be fetched, where none could."""
    failed = broken_fetches(failed_events(landed.answers))
    keep(lake, quarantine_rows(failed, system=SYSTEM))

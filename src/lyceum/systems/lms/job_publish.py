"""The table half of an LMS load: landed answers to bronze, bronze to silver, what broke aside."""

from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.quality.quarantine import QUARANTINE, keep
from lyceum.quality.rules import broken_rules, mended_rows, quarantine_rows
from lyceum.systems.lms.bronze import (
    LMS_EVENT_SESSION_DETAILS,
    LMS_EVENTS,
    broken_fetches,
    broken_listings,
    event_pages,
    failed_events,
    fetched_payloads,
)
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.silver import (
    EVENT_SESSION_DETAILS,
    EVENT_SESSION_PRODUCTS,
    SESSION_RULES,
    event_session_details,
    event_session_products,
    removed,
    session_records,
)
from lyceum.systems.lms.source.landing import Load
from pocketlake import Written

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
            failed = failed_events(self.answers).select(F.col("event_id").alias(event_id))
            return rows.join(failed, on=event_id, how="left_anti")
        fetched = fetched_payloads(self.answers).select(F.col("event_id").alias(event_id))
        return rows.join(fetched, on=event_id, how="left_semi")


@dataclass(frozen=True)
class SilverChanges:
    """What a load changed in silver and in the quarantine."""

    sessions: Written
    products: Written
    quarantine: Written


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


def publish_silver(lake: Lakehouse, landed: Landed, fields: LmsFields) -> SilverChanges:
    """Merge the sessions and products of the load, mark those that are gone, keep what broke."""
    payloads = lake.read(LMS_EVENT_SESSION_DETAILS).where(F.col("load_id") == landed.load.id)
    # Three merges use the records: parsing the payloads for each costs twice what a file does.
    parsed = session_records(payloads, fields=fields)
    records = lake.staged(parsed, landed.folder / "records")
    sessions, products = event_session_details(records), event_session_products(records)

    def merge_marked(table: Table, found: DataFrame) -> Written:
        known = landed.of_known_events(lake.read(table))
        return merge_with_removed(
            lake, table, found, known=known, records=records, removed_at=landed.started_at
        )

    return SilverChanges(
        sessions=merge_marked(EVENT_SESSION_DETAILS, sessions),
        products=merge_marked(EVENT_SESSION_PRODUCTS, products),
        quarantine=_quarantine(lake, landed, fields, records),
    )


def merge_with_removed(
    lake: Lakehouse,
    table: Table,
    found: DataFrame,
    *,
    known: DataFrame,
    records: DataFrame,
    removed_at: Column,
) -> Written:
    """Merge what was found, and mark as removed what else is `known`.

    An event whose payload has no list of sessions tells nothing of them: they stay as they are.
    """
    listless = records.where(~F.col("has_session_list")).select("event_id")
    known = known.join(listless, on="event_id", how="left_anti")
    gone = removed(known, found, keys=table.keys, removed_at=removed_at)
    rows = found.unionByName(gone.select(*found.columns))
    return lake.merge(table, rows, unless_only=("updated_at",))


def quarantine_failures(lake: Lakehouse, landed: Landed) -> None:
    """Keep the events that could not be fetched, where none could."""
    failed = broken_fetches(failed_events(landed.answers))
    keep(lake, quarantine_rows(failed, system=SYSTEM))


def _quarantine(lake: Lakehouse, landed: Landed, fields: LmsFields, records: DataFrame) -> Written:
    """Keep what broke a rule in this load; resolve what it found mended."""
    broken = broken_rules(records, rules=SESSION_RULES)
    broken = broken.unionByName(broken_fetches(failed_events(landed.answers)))
    if landed.load.scope != "retry":
        broken = broken.unionByName(broken_listings(landed.pages, fields=fields))
    found = quarantine_rows(broken, system=SYSTEM)
    looked_at = landed.of_known_events(lake.read(QUARANTINE), "source_key")
    mended = mended_rows(looked_at, found, system=SYSTEM, at=landed.started_at)
    return keep(lake, found.unionByName(mended))

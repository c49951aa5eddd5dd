"""The last part of an LMS load: bronze to silver, what broke a rule aside.

A session may stand in several events, of which a load need not have fetched all: then the payloads
of the others say with it to whom the session belongs. So every load ends as a complete one would.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.quality.quarantine import keep, open_records
from lyceum.quality.rules import broken_rules, mended_rows, quarantine_rows
from lyceum.systems.lms.bronze import (
    LMS_EVENT_SESSION_DETAILS,
    broken_fetches,
    broken_listings,
    failed_events,
)
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.job_publish import SYSTEM, Landed
from lyceum.systems.lms.silver import (
    EVENT_SESSION_DETAILS,
    EVENT_SESSION_PRODUCTS,
    SESSION_RULES,
    event_session_details,
    event_session_products,
    removed,
    session_records,
)
from pocketlake import Written


@dataclass(frozen=True)
class SilverChanges:
    """What a load changed in silver and in the quarantine."""

    sessions: Written
    products: Written
    quarantine: Written


def publish_silver(lake: Lakehouse, landed: Landed, fields: LmsFields) -> SilverChanges:
    """Merge the sessions and products of the load, mark those that are gone, keep what broke."""
    bronze = lake.read(LMS_EVENT_SESSION_DETAILS)
    of_load = bronze.where(F.col("load_id") == landed.load.id)
    # Several merges use the records: parsing the payloads for each costs twice what a file does.
    records = lake.staged(session_records(of_load, fields=fields), landed.folder / "records")
    lost = _lost_sessions(lake)
    touched = _touched_sessions(records, lost=lost)
    rival_events = _rival_events(lake, landed, touched, lost=lost)
    rivals = bronze.join(rival_events, on="event_id", how="left_semi")
    if not rivals.isEmpty():
        all_claims = session_records(of_load.unionByName(rivals), fields=fields)
        of_rivals = landed.of_other_events(all_claims).join(touched, "session_id", "left_semi")
        claims = landed.of_fetched_events(all_claims).unionByName(of_rivals)
        records = lake.staged(claims, landed.folder / "claims")

    def merge_marked(table: Table, found: DataFrame) -> Written:
        rows = lake.read(table)
        others = landed.of_other_events(rows).join(touched, on="session_id", how="left_semi")
        known = landed.of_known_events(rows).unionByName(others.select(*rows.columns))
        return merge_with_removed(
            lake, table, found, known=known, records=records, removed_at=landed.started_at
        )

    return SilverChanges(
        sessions=merge_marked(EVENT_SESSION_DETAILS, event_session_details(records)),
        products=merge_marked(EVENT_SESSION_PRODUCTS, event_session_products(records)),
        quarantine=_quarantine(lake, landed, fields, records, touched=touched),
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


def _lost_sessions(lake: Lakehouse) -> DataFrame:
    """The sessions of events that another event has, by the quarantine, which is merged last."""
    lost = open_records(lake, SYSTEM, rule="session_in_two_events")
    return lost.select(
        F.col("record_key").alias("session_id"), F.col("source_key").alias("event_id")
    )


def _touched_sessions(records: DataFrame, *, lost: DataFrame) -> DataFrame:
    """The sessions that the load may move: those it has, and those that other events wait for."""
    of_load = records.select("session_id").where(F.col("session_id").isNotNull())
    return of_load.unionByName(lost.select("session_id")).distinct()


def _rival_events(
    lake: Lakehouse, landed: Landed, touched: DataFrame, *, lost: DataFrame
) -> DataFrame:
    """Events that the load has not fetched and that have, or would have, a touched session."""
    have = lake.read(EVENT_SESSION_DETAILS).select("session_id", "event_id")
    claims = have.unionByName(lost).join(touched, on="session_id", how="left_semi")
    return landed.of_unfetched_events(claims).select("event_id").distinct()


def _quarantine(
    lake: Lakehouse, landed: Landed, fields: LmsFields, records: DataFrame, *, touched: DataFrame
) -> Written:
    """Keep what broke a rule in this load; resolve what it found mended."""
    broken = broken_rules(records, rules=SESSION_RULES)
    broken = broken.unionByName(broken_fetches(failed_events(landed.answers)))
    if landed.load.scope != "retry":
        broken = broken.unionByName(broken_listings(landed.pages, fields=fields))
    found = quarantine_rows(broken, system=SYSTEM)
    kept = open_records(lake, SYSTEM)
    of_sessions = kept.where(F.col("rule").isin([rule.id for rule in SESSION_RULES]))
    of_rivals = landed.of_other_events(of_sessions, "source_key").join(
        touched.select(F.col("session_id").alias("record_key")), on="record_key", how="left_semi"
    )
    looked_at = landed.of_known_events(kept, "source_key").unionByName(of_rivals)
    mended = mended_rows(looked_at, found, system=SYSTEM, at=landed.started_at)
    return keep(lake, found.unionByName(mended))

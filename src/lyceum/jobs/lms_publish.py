"""The table half of an LMS load: staged answers to bronze, bronze to silver, what broke aside."""

from dataclasses import dataclass
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.bronze.lms import (
    LMS_EVENT_SESSION_DETAILS,
    LMS_EVENTS,
    LMS_LOAD_DETAILS,
    LMS_LOAD_PAGES,
    broken_fetches,
    broken_listings,
    event_pages,
    failed_events,
    fetched_payloads,
)
from lyceum.jobs.lms_fetch import Load
from lyceum.ops.quarantine import QUARANTINE, keep
from lyceum.quality.rules import broken_rules, mended_rows, quarantine_rows
from lyceum.silver.lms import (
    EVENT_SESSION_DETAILS,
    EVENT_SESSION_PRODUCTS,
    SESSION_RULES,
    event_session_details,
    event_session_products,
    removed,
    session_records,
)
from lyceum.sources.lms.fields import LmsFields
from lyceum.storage import (
    Lakehouse,
    Written,
    append_once,
    computed_once,
    merge,
    replace,
    side_by_side,
)
from lyceum.table import Table

SYSTEM = "lms"


def publish_bronze(lake: Lakehouse, load: Load) -> None:
    """Make the staged answers the content of the bronze tables.

    A complete load replaces what was there; an event that it could not fetch keeps the payload
    of an earlier load.
    """
    pages = event_pages(lake.read(LMS_LOAD_PAGES))
    fetched = fetched_payloads(lake.read(LMS_LOAD_DETAILS))
    if load.scope == "complete":
        failed = failed_events(lake.read(LMS_LOAD_DETAILS)).select("event_id")
        kept = lake.read(LMS_EVENT_SESSION_DETAILS).join(failed, on="event_id", how="left_semi")
        side_by_side(
            lake.spark,
            partial(replace, lake, LMS_EVENTS, pages),
            partial(replace, lake, LMS_EVENT_SESSION_DETAILS, fetched.unionByName(kept)),
        )
        return
    if load.scope == "since":
        append_once(lake, LMS_EVENTS, pages, app=f"lms:{load.id}", version=1)
    merge(lake, LMS_EVENT_SESSION_DETAILS, fetched)


@dataclass(frozen=True)
class SilverChanges:
    """What a load changed in silver and in the quarantine."""

    sessions: Written
    products: Written
    quarantine: Written


def publish_silver(lake: Lakehouse, load: Load, fields: LmsFields) -> SilverChanges:
    """Merge the sessions and products of the load, mark those that are gone, keep what broke."""
    records = computed_once(_records(lake, load, fields))
    sessions, products = event_session_details(records), event_session_products(records)
    merges = side_by_side(
        lake.spark,
        partial(_merge_marked, lake, load, EVENT_SESSION_DETAILS, sessions, records),
        partial(_merge_marked, lake, load, EVENT_SESSION_PRODUCTS, products, records),
        partial(_quarantine, lake, load, fields, records),
    )
    return SilverChanges(*merges)


def _quarantine(lake: Lakehouse, load: Load, fields: LmsFields, records: DataFrame) -> Written:
    """Keep what broke a rule in this load; resolve what it found mended."""
    details = lake.read(LMS_LOAD_DETAILS)
    broken = broken_rules(records, rules=SESSION_RULES)
    broken = broken.unionByName(broken_fetches(failed_events(details)))
    if load.scope != "retry":
        pages = lake.read(LMS_LOAD_PAGES)
        broken = broken.unionByName(broken_listings(pages, fields=fields))
    found = quarantine_rows(broken, system=SYSTEM)
    looked_at = lake.read(QUARANTINE).transform(
        _of_known_events, load=load, details=details, event_id="source_key"
    )
    mended = mended_rows(looked_at, found, system=SYSTEM, at=load.time)
    return keep(lake, found.unionByName(mended))


def quarantine_failures(lake: Lakehouse) -> None:
    """Keep the events that could not be fetched, where none could."""
    failed = failed_events(lake.read(LMS_LOAD_DETAILS))
    found = quarantine_rows(broken_fetches(failed), system=SYSTEM)
    keep(lake, found)


def _records(lake: Lakehouse, load: Load, fields: LmsFields) -> DataFrame:
    payloads = lake.read(LMS_EVENT_SESSION_DETAILS).where(F.col("load_id") == load.id)
    return session_records(payloads, fields=fields)


def _merge_marked(
    lake: Lakehouse, load: Load, table: Table, found: DataFrame, records: DataFrame
) -> Written:
    details = lake.read(LMS_LOAD_DETAILS)
    listless = records.where(~F.col("has_session_list")).select("event_id")
    known = lake.read(table).transform(_of_known_events, load=load, details=details)
    known = known.join(listless, on="event_id", how="left_anti")
    gone = removed(known, found, keys=table.keys, removed_at=load.time)
    rows = found.unionByName(gone.select(*found.columns))
    return merge(lake, table, rows, unless_only=("updated_at",), prune=load.scope != "complete")


def _of_known_events(
    rows: DataFrame, *, load: Load, details: DataFrame, event_id: str = "event_id"
) -> DataFrame:
    """The rows of those events whose present state the load knows.

    After a complete load that is every event but the failed: one that is not listed is gone.
    """
    if load.scope == "complete":
        failed = failed_events(details).select(F.col("event_id").alias(event_id))
        return rows.join(failed, on=event_id, how="left_anti")
    fetched = fetched_payloads(details).select(F.col("event_id").alias(event_id))
    return rows.join(fetched, on=event_id, how="left_semi")

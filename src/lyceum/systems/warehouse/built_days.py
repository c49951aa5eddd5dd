"""Which days of a fact table are built, and which of them are not right any more."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.runs.ledger import ETL_JOB_RUNS
from lyceum.systems.warehouse.bronze import BRONZE
from lyceum.systems.warehouse.facts import Fact
from lyceum.systems.warehouse.gold.days import key_of
from lyceum.systems.warehouse.gold.members import UNKNOWN, with_member, with_member_at

AS_OF = "as_of"
"""The parameter of a run that says what it saw of each source."""
AsOf = Mapping[str, int]
"""By source: the last snapshot, in microseconds since 1970."""


@dataclass(frozen=True)
class StaleDay:
    """A day that has to be built again, and why."""

    day: date
    reason: str


def built_days(lake: Lakehouse, fact: Fact) -> dict[date, AsOf]:
    """The days that were built, with what their last build saw."""
    rows = lake.read(ETL_JOB_RUNS).where(
        (F.col("job_name") == fact.job)
        & (F.col("status") == "SUCCESS")
        & F.col("target_date").isNotNull()
    )
    found = rows.select("target_date", "parameters", "recorded_at").orderBy("recorded_at").collect()
    return {row.target_date: json.loads(row.parameters).get(AS_OF, {}) for row in found}


def seen_of(lake: Lakehouse, fact: Fact) -> dict[str, int]:
    """What bronze holds now of the sources of a fact."""
    last = F.unix_micros(F.max("_snapshot_at")).alias("last")
    found = {s: lake.read(BRONZE[s]).agg(last).collect()[0].last for s in fact.sources}
    return {source: at for source, at in found.items() if at is not None}


def stale_days(lake: Lakehouse, fact: Fact) -> list[StaleDay]:
    """The built days that a later change concerns, or of which an unknown member is known now."""
    built = built_days(lake, fact)
    if not built:
        return []
    last = F.unix_micros("_snapshot_at").alias("last")
    touched = fact.touched(lambda source: lake.read(BRONZE[source]))
    changes = touched.select("date_key", "source", last).collect()
    arrived = _days_of_arrived(lake, fact)
    found = []
    for day, as_of in sorted(built.items()):
        key = key_of(day)
        sources = {
            change.source
            for change in changes
            if (change.date_key == key or (fact.is_cumulative and change.date_key < key))
            and change.last > as_of.get(change.source, 0)
        }
        if sources:
            found.append(StaleDay(day, f"{', '.join(sorted(sources))} changed"))
        elif key in arrived:
            found.append(StaleDay(day, "an unknown member is known now"))
    return found


def _days_of_arrived(lake: Lakehouse, fact: Fact) -> set[int]:
    days: set[int] = set()
    for key, member in fact.members.items():
        unknown = lake.read(fact.table).where(F.col(key) == UNKNOWN)
        facts = unknown.select("date_key", member.name, fact.instant().alias("_at"))
        found = lake.read(member.dimension).withColumnRenamed(member.dimension_name, member.name)
        if member.has_versions:
            again = with_member_at(facts, found, key=member.key, name=member.name, at="_at")
        else:
            again = with_member(facts, found, key=member.key, name=member.name)
        known = again.where(F.col(member.key) != UNKNOWN)
        days |= {row.date_key for row in known.select("date_key").distinct().collect()}
    return days

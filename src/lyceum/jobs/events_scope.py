"""Which keys of silver a delivery can change: only those are computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.bronze.landing import LANDING_TABLES
from lyceum.silver.lm_events import LM_EVENTS
from lyceum.silver.lm_participants import LM_PARTICIPANTS
from lyceum.silver.standard import identifier
from lyceum.sources.landing import BRANDS, EVENTS, INDICATIONS, MDM, PARTICIPANTS, Entity
from lyceum.storage import Lakehouse, computed_once

SYSTEM = "events"
_MOST_KEYS = 300_000
"""More keys than these are not sent to every task: the whole table is computed then."""


@dataclass(frozen=True)
class Scope:
    """What a publication looks at: some entities, all rows or those of files that are new."""

    files: Mapping[Entity, Sequence[str]] | None
    """Names of the source files that are new, by entity; None means all there are."""
    delivered: DataFrame | None
    """What `delivered_keys` finds in these files; None means all there are."""
    quarantined: DataFrame
    """What stands in the quarantine of the system before the publication."""

    def has(self, *entities: Entity) -> bool:
        """True if any of the entities has something new."""
        return self.files is None or any(entity in self.files for entity in entities)

    def rows(self, lake: Lakehouse, entity: Entity) -> DataFrame:
        """The bronze rows of an entity that are looked at."""
        rows = lake.read(LANDING_TABLES[entity.name])
        if self.files is None:
            return rows
        return rows.where(F.col("_source_file").isin(*self.files.get(entity, ())))

    def may_have_lost(self) -> bool:
        """True unless every row of the new files has a key and none was lost in them before."""
        if self.delivered is None:
            return True
        lost = self.delivered.where(F.col("record_key").isNull())
        return not (lost.isEmpty() and self.lost_before().isEmpty())

    def lost_before(self) -> DataFrame:
        """What stands in the quarantine of the files that are looked at, and has no key."""
        rows = self.quarantined.where(F.col("record_key").isNull())
        if self.files is None:
            return rows
        names = [f"{entity.name}/{file}" for entity, files in self.files.items() for file in files]
        return rows.where(F.col("source_key").isin(names))


def touched_events(lake: Lakehouse, scope: Scope) -> DataFrame | None:
    """The events that the new files can change; None if any may be."""
    if scope.delivered is None:
        return None
    known = lake.read(LM_EVENTS)
    found = [_keys(scope.delivered, EVENTS, "event_id")]
    for master in (BRANDS, INDICATIONS):
        if scope.has(master):
            changed = F.broadcast(_keys(scope.delivered, master, master.key))
            found.append(known.join(changed, on=master.key, how="left_semi").select("event_id"))
    return _few(found)


def touched_participants(lake: Lakehouse, scope: Scope, final_ids: DataFrame) -> DataFrame | None:
    """The participants that the new files can change; None if any may be."""
    if scope.delivered is None:
        return None
    found = [_keys(scope.delivered, PARTICIPANTS, "participant_id")]
    if scope.has(EVENTS):
        found.append(_quarantined(scope, "unknown_event"))
    if scope.has(MDM):
        found += [_quarantined(scope, "mdm_circle"), _led_elsewhere(lake, final_ids)]
    return _few(found)


def of_keys(landing: DataFrame, entity: Entity, keys: DataFrame | None) -> DataFrame:
    """The delivered rows of the keys, all if None."""
    if keys is None:
        return landing
    wanted = F.broadcast(keys.select(F.col(entity.key).alias("_wanted")))
    return landing.join(
        wanted, on=identifier(F.col(entity.key)) == F.col("_wanted"), how="left_semi"
    )


def _keys(delivered: DataFrame, entity: Entity, name: str) -> DataFrame:
    """The delivered keys of an entity, as a column of that name, some several times."""
    is_wanted = (F.col("entity") == entity.name) & F.col("record_key").isNotNull()
    return delivered.where(is_wanted).select(F.col("record_key").alias(name))


def _quarantined(scope: Scope, rule: str) -> DataFrame:
    broken = scope.quarantined.where(F.col("rule") == rule)
    return broken.select(F.col("record_key").alias("participant_id"))


def _led_elsewhere(lake: Lakehouse, final_ids: DataFrame) -> DataFrame:
    """The participants whose chain ends elsewhere now than it did."""
    now = final_ids.select("mdm_id", F.col("final_mdm_id").alias("now"), "is_circular")
    found = lake.read(LM_PARTICIPANTS).join(now, on="mdm_id", how="left")
    is_elsewhere = F.coalesce("now", "mdm_id") != F.col("final_mdm_id")
    return found.where(is_elsewhere | F.col("is_circular")).select("participant_id")


def sent_if_few(rows: DataFrame) -> DataFrame:
    """The rows, computed, and sent to every task that joins them unless they are too many."""
    rows = computed_once(rows)
    return F.broadcast(rows) if rows.count() <= _MOST_KEYS else rows


def _few(found: list[DataFrame]) -> DataFrame | None:
    """The keys once each, computed; None if they are too many to be worth it."""
    keys = computed_once(reduce(DataFrame.unionByName, found).distinct())
    return keys if keys.count() <= _MOST_KEYS else None

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


def touched_events(lake: Lakehouse, scope: Scope) -> DataFrame | None:
    """The events that the new files can change; None if any may be."""
    if scope.files is None:
        return None
    known = lake.read(LM_EVENTS)
    found = [_delivered(lake, scope, EVENTS, "event_id")]
    for master in (BRANDS, INDICATIONS):
        if scope.has(master):
            changed = _delivered(lake, scope, master, master.key)
            of_master = known.join(F.broadcast(changed), on=master.key, how="left_semi")
            found.append(of_master.select("event_id"))
    return _few(found)


def touched_participants(lake: Lakehouse, scope: Scope, final_ids: DataFrame) -> DataFrame | None:
    """The participants that the new files can change; None if any may be."""
    if scope.files is None:
        return None
    found = [_delivered(lake, scope, PARTICIPANTS, "participant_id")]
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


def _delivered(lake: Lakehouse, scope: Scope, entity: Entity, key: str) -> DataFrame:
    rows = scope.rows(lake, entity).select(identifier(F.col(entity.key)).alias(key))
    return rows.where(F.col(key).isNotNull())


def _quarantined(scope: Scope, rule: str) -> DataFrame:
    broken = scope.quarantined.where(F.col("rule") == rule)
    return broken.select(F.col("record_key").alias("participant_id"))


def _led_elsewhere(lake: Lakehouse, final_ids: DataFrame) -> DataFrame:
    """The participants whose chain ends elsewhere now than it did."""
    now = final_ids.select("mdm_id", F.col("final_mdm_id").alias("now"), "is_circular")
    found = lake.read(LM_PARTICIPANTS).join(now, on="mdm_id", how="left")
    is_elsewhere = F.coalesce("now", "mdm_id") != F.col("final_mdm_id")
    return found.where(is_elsewhere | F.col("is_circular")).select("participant_id")


def _few(found: list[DataFrame]) -> DataFrame | None:
    """The keys once each, computed; None if they are too many to be worth it."""
    keys = computed_once(reduce(DataFrame.unionByName, found).distinct())
    return keys if keys.count() <= _MOST_KEYS else None

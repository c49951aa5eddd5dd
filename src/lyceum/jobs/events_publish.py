"""The table half of the event pipeline: bronze to silver, gold and quarantine by merges.

Spark's open-source pipelines compute a materialized view anew at every run. These merges write the
same tables, by the same transforms, at the price of what was delivered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.bronze.landing import LANDING_TABLES
from lyceum.gold.event_kpis import (
    EVENT_PERFORMANCE_KPI,
    PRODUCT_PERFORMANCE_KPI,
    event_figures,
    event_performance_kpi,
    product_performance_kpi,
)
from lyceum.jobs.events_scope import (
    SYSTEM,
    Scope,
    of_keys,
    sent_if_few,
    touched_events,
    touched_participants,
)
from lyceum.ops.quarantine import QUARANTINE, keep
from lyceum.quality.rules import broken_rules, mended_rows, quarantine_rows
from lyceum.silver.deliveries import LANDING_RULES, keyless_rows, last_deliveries, lost_rows
from lyceum.silver.lm_events import EVENT_RULES, LM_EVENTS, event_records, lm_events
from lyceum.silver.lm_participants import (
    LM_PARTICIPANTS,
    PARTICIPANT_RULES,
    lm_participants,
    participant_records,
)
from lyceum.silver.mdm import final_mdm_ids, mdm_links
from lyceum.sources.landing import (
    BRANDS,
    ENTITIES,
    EVENTS,
    INDICATIONS,
    MDM,
    PARTICIPANTS,
    Entity,
)
from lyceum.storage import Lakehouse, Written, computed_once
from lyceum.storage.keyed import replace_keys, replace_small

OUTPUTS = (LM_EVENTS, LM_PARTICIPANTS, EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI)


@dataclass(frozen=True)
class Records:
    """The records of an entity that were computed, and the keys they were computed for."""

    rows: DataFrame
    keys: DataFrame | None
    """None means every key there is."""


def publish_events(lake: Lakehouse, scope: Scope) -> tuple[Records, Written]:
    """Bring what changed of the events to silver."""
    keys = touched_events(lake, scope)
    records = computed_once(current_event_records(lake, keys))
    return Records(records, keys), replace_keys(lake, LM_EVENTS, lm_events(records), keys=keys)


def publish_participants(lake: Lakehouse, scope: Scope) -> tuple[Records, Written]:
    """Bring what changed of the participants to silver; the events must be there."""
    links = mdm_links(lake.read(LANDING_TABLES[MDM.name]))
    final_ids = final_mdm_ids(computed_once(links))
    if scope.files is not None and scope.has(MDM):
        final_ids = sent_if_few(final_ids)
    keys = touched_participants(lake, scope, final_ids)
    records = computed_once(current_participant_records(lake, final_ids, keys))
    written = replace_keys(lake, LM_PARTICIPANTS, lm_participants(records), keys=keys)
    return Records(records, keys), written


def publish_kpis(lake: Lakehouse) -> tuple[Written, ...]:
    """Bring both tables of gold up to silver; they are small, their computation is one scan."""
    events, participants = lake.read(LM_EVENTS), lake.read(LM_PARTICIPANTS)
    figures = computed_once(event_figures(events, participants=participants))
    return (
        replace_small(lake, EVENT_PERFORMANCE_KPI, event_performance_kpi(figures)),
        replace_small(lake, PRODUCT_PERFORMANCE_KPI, product_performance_kpi(figures)),
    )


def current_event_records(lake: Lakehouse, keys: DataFrame | None = None) -> DataFrame:
    """The records of the events of the keys, all if None, as bronze has them now."""
    return event_records(
        of_keys(lake.read(LANDING_TABLES[EVENTS.name]), EVENTS, keys),
        landing_brands=lake.read(LANDING_TABLES[BRANDS.name]),
        landing_indications=lake.read(LANDING_TABLES[INDICATIONS.name]),
    )


def current_participant_records(
    lake: Lakehouse, final_ids: DataFrame, keys: DataFrame | None = None
) -> DataFrame:
    """The records of the participants of the keys, all if None, as bronze and silver are now."""
    return participant_records(
        of_keys(lake.read(LANDING_TABLES[PARTICIPANTS.name]), PARTICIPANTS, keys),
        events=lake.read(LM_EVENTS),
        final_ids=final_ids,
    )


def quarantine(
    lake: Lakehouse,
    scope: Scope,
    *,
    events: Records | None,
    participants: Records | None,
    run_id: str,
    at: Column,
) -> Written:
    """Keep what breaks a rule, and resolve what was looked at again and breaks none."""
    if not scope.has(*ENTITIES):
        return Written()
    broken, looked_at = _lost(lake, scope), [scope.lost_before()]
    for entity, records, rules in (
        (EVENTS, events, EVENT_RULES),
        (PARTICIPANTS, participants, PARTICIPANT_RULES),
    ):
        if records is not None:
            broken.append(broken_rules(records.rows, rules=rules))
            looked_at.append(_kept_of(scope, entity, records.keys))
    found = computed_once(_found(lake, broken, run_id))
    mended = mended_rows(_union(looked_at), found, system=SYSTEM, at=at)
    changes = computed_once(found.unionByName(mended))
    if changes.isEmpty():
        return Written()
    return keep(lake, changes)


def _found(lake: Lakehouse, broken: Sequence[DataFrame], run_id: str) -> DataFrame:
    if not broken:
        return lake.read(QUARANTINE).limit(0)
    rows = quarantine_rows(_union(broken), system=SYSTEM)
    return rows.withColumn("load_id", F.lit(run_id))


def _lost(lake: Lakehouse, scope: Scope) -> list[DataFrame]:
    """What the looked at files hold that has no key, as broken rules; mostly there is nothing."""
    if not scope.may_have_lost():
        return []
    looked_at = {e: scope.rows(lake, e) for e in ENTITIES if scope.has(e)}
    keyless = [keyless_rows(rows, entity=entity) for entity, rows in looked_at.items()]
    found = computed_once(_union(keyless))
    if found.isEmpty():
        return []
    last = _union([last_deliveries(rows, entity=entity) for entity, rows in looked_at.items()])
    return [broken_rules(lost_rows(found, deliveries=last), rules=LANDING_RULES)]


def _kept_of(scope: Scope, entity: Entity, keys: DataFrame | None) -> DataFrame:
    """What stands in the quarantine of the keys that are looked at."""
    is_of_entity = F.col("source_key").startswith(f"{entity.name}/")
    rows = scope.quarantined.where(is_of_entity & F.col("record_key").isNotNull())
    if keys is None:
        return rows
    wanted = F.broadcast(keys.select(F.col(entity.key).alias("record_key")))
    return rows.join(wanted, on="record_key", how="left_semi").select(*rows.columns)


def _union(frames: Sequence[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)

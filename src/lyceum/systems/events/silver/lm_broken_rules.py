"""Silver: what of the delivered rows breaks a rule at present, as the quarantine is to have it."""

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame

from lyceum.model.table import Table
from lyceum.quality.rules import broken_rules, quarantine_rows
from lyceum.systems.events.silver.deliveries import (
    LANDING_RULES,
    keyless_rows,
    last_deliveries,
    lost_rows,
)
from lyceum.systems.events.silver.lm_events import EVENT_RULES
from lyceum.systems.events.silver.lm_participants import PARTICIPANT_RULES
from lyceum.systems.events.source.entities import Entity

SYSTEM = "events"
"""What the quarantine calls the event pipeline."""

LM_BROKEN_RULES = Table(
    name="silver.lm_broken_rules",
    grain="one row per delivered record and rule that it breaks at present",
    keys=("quarantine_id",),
    columns="""
        quarantine_id STRING COMMENT 'Hash of system, rule, source, record and its order',
        system STRING COMMENT 'events',
        rule STRING COMMENT 'Identifier of the rule',
        severity STRING COMMENT 'rejected: not in the table; flagged: in it',
        source_key STRING COMMENT 'The entity and file that it came with',
        record_key STRING COMMENT 'Identifier of the record, where it has one',
        position BIGINT COMMENT 'Line in the file; NULL for a whole file',
        detail STRING COMMENT 'What is wrong, for a person',
        raw STRING COMMENT 'The record as it came',
        seen_at TIMESTAMP COMMENT 'When its file was accepted, UTC'
    """,
    cluster_by=(),
    personal=("raw",),
)


def lm_broken_rules(
    *, events: DataFrame, participants: DataFrame, landing: Mapping[Entity, DataFrame]
) -> DataFrame:
    """The rules that records break, and what was lost in the last delivery of each file.

    Args:
        events: Rows of `event_records`.
        participants: Rows of `participant_records`.
        landing: The bronze rows of every entity.

    Returns:
        The columns of `LM_BROKEN_RULES`.
    """
    keyless = _union([keyless_rows(rows, entity=entity) for entity, rows in landing.items()])
    last = _union([last_deliveries(rows, entity=entity) for entity, rows in landing.items()])
    broken = _union(
        [
            broken_rules(events, rules=EVENT_RULES),
            broken_rules(participants, rules=PARTICIPANT_RULES),
            broken_rules(lost_rows(keyless, deliveries=last), rules=LANDING_RULES),
        ]
    )
    return quarantine_rows(broken, system=SYSTEM).select(
        "quarantine_id",
        "system",
        "rule",
        "severity",
        "source_key",
        "record_key",
        "position",
        "detail",
        "raw",
        "seen_at",
    )


def _union(frames: list[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)

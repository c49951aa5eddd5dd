"""Silver: what of the delivered rows breaks a rule at present, as the quarantine is to have it."""

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame

from lyceum.model.table import Table
from lyceum.quality.rules import Rule, broken_rules, quarantine_rows
from lyceum.systems.events.silver.deliveries import (
    LANDING_RULES,
    keyless_rows,
    last_deliveries,
    lost_rows,
)
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
    personal=("record_key", "raw"),
    person=("record_key", "raw"),
)


def lm_broken_rules(
    records: Mapping[tuple[Rule, ...], DataFrame], *, landing: Mapping[Entity, DataFrame]
) -> DataFrame:
    """The rules that records break, and what was lost in the last delivery of each file.

    Args:
        records: The records of each silver table, such as `event_records`, by their rules.
        landing: The bronze rows of every entity.

    Returns:
        The columns of `LM_BROKEN_RULES`.
    """
    keyless = _union([keyless_rows(rows, entity=entity) for entity, rows in landing.items()])
    last = _union([last_deliveries(rows, entity=entity) for entity, rows in landing.items()])
    looked_at = {**records, LANDING_RULES: lost_rows(keyless, deliveries=last)}
    broken = _union([broken_rules(rows, rules=rules) for rules, rows in looked_at.items()])
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

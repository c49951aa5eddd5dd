"""Quarantine: what broke a rule, kept with the rule, counted, and resolved when it is mended."""

from lyceum.table import Table

QUARANTINE = Table(
    name="ops.quarantine",
    grain="one row per input record and rule that it broke",
    keys=("quarantine_id",),
    columns="""
        quarantine_id STRING NOT NULL COMMENT 'Hash of system, rule, source and record',
        system STRING NOT NULL COMMENT 'The system that found it, such as lms',
        rule STRING NOT NULL COMMENT 'Identifier of the rule',
        severity STRING NOT NULL COMMENT 'rejected: not in the table; flagged: in it',
        source_key STRING COMMENT 'The unit of input it came with: an event, a file',
        record_key STRING COMMENT 'Identifier of the record, where it has one',
        detail STRING COMMENT 'What was wrong, for a person',
        raw STRING COMMENT 'The record as it came',
        load_id STRING COMMENT 'The load that saw it last',
        seen_at TIMESTAMP NOT NULL COMMENT 'When it was seen last, UTC',
        resolved_at TIMESTAMP COMMENT 'When a later load found it mended, UTC; NULL while open'
    """,
    cluster_by=("system", "rule"),
    personal=("raw",),
)

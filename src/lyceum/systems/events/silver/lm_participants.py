"""Silver: the latest version of every participant of a known event, with its final MDM id."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.quality.rules import Rule, without_rejected
from lyceum.systems.events.silver.deliveries import PROVENANCE, counting_versions, named_records
from lyceum.systems.events.silver.standard import identifier, moment, plain_text, truth
from lyceum.systems.events.source.entities import PARTICIPANTS

LM_PARTICIPANTS = Table(
    name="silver.lm_participants",
    grain="one row per participant of a known event, in its latest version",
    keys=("participant_id",),
    columns="""
        participant_id STRING COMMENT 'Participant identifier, trimmed, upper case',
        event_id STRING COMMENT 'The event, trimmed, upper case',
        mdm_id STRING COMMENT 'Identifier in master data, as delivered, trimmed, upper case',
        final_mdm_id STRING COMMENT 'Where the chain of the MDM identifier ends',
        participant_type STRING COMMENT 'Kind of participant',
        attended BOOLEAN COMMENT 'Whether the participant came; NULL if that is not known',
        modified_date TIMESTAMP COMMENT 'When the version was made, UTC'
    """,
    personal=("participant_id", "mdm_id", "final_mdm_id"),
    person=("participant_id", "mdm_id", "final_mdm_id"),
)

_VERSION_RULES = (
    Rule(
        "participant_without_event",
        "rejected",
        "the participant names no event",
        "event_id IS NULL",
    ),
    Rule(
        "unreadable_participant_modified_date",
        "rejected",
        "the modified date is in no known format: the version cannot be placed among the others",
        "has_modified_date AND modified_date IS NULL",
    ),
)
PARTICIPANT_RULES = (
    *_VERSION_RULES,
    Rule(
        "unknown_event",
        "rejected",
        "the event of the participant has not been delivered yet",
        "event_id IS NOT NULL AND NOT coalesce(is_known_event, false)",
    ),
    Rule(
        "mdm_circle",
        "rejected",
        "the chain of the MDM identifier runs in a circle",
        "is_circular",
    ),
    Rule(
        "unreadable_attended",
        "flagged",
        "attended is none of true/false, yes/no, Y/N, 1/0",
        "has_attended AND attended IS NULL",
    ),
    Rule(
        "participant_without_modified_date",
        "flagged",
        "the version has no modified date: it counts as the oldest",
        "NOT has_modified_date",
    ),
)


def participant_records(
    landing_participants: DataFrame, *, events: DataFrame, final_ids: DataFrame
) -> DataFrame:
    """The delivered rows that count, with event and final MDM id, fit for `PARTICIPANT_RULES`.

    `events` are the rows of `silver.lm_events`, `final_ids` those of `final_mdm_ids`. An MDM id
    without a mapping is its own final one.
    """
    known = events.select("event_id", F.lit(True).alias("is_known_event"))
    return (
        landing_participants.transform(named_records, entity=PARTICIPANTS)
        .transform(_parsed)
        .transform(counting_versions, modified="modified_date", rules=_VERSION_RULES)
        .join(known, on="event_id", how="left")
        .join(final_ids, on="mdm_id", how="left")
    )


def lm_participants(records: DataFrame) -> DataFrame:
    """The latest good version of every participant whose event is known, one row a participant."""
    return without_rejected(records, rules=PARTICIPANT_RULES).select(
        "participant_id",
        "event_id",
        "mdm_id",
        F.coalesce("final_mdm_id", "mdm_id").alias("final_mdm_id"),
        "participant_type",
        "attended",
        "modified_date",
    )


def _parsed(records: DataFrame) -> DataFrame:
    texts = ("participant_type", "attended", "modified_date")
    plain = records.select(
        *PROVENANCE,
        F.col("record_key").alias("participant_id"),
        *(identifier(F.col(name)).alias(name) for name in ("event_id", "mdm_id")),
        *(plain_text(F.col(name)).alias(name) for name in texts),
    )
    return plain.select(
        *PROVENANCE,
        "participant_id",
        "event_id",
        "mdm_id",
        "participant_type",
        F.col("attended").isNotNull().alias("has_attended"),
        truth(F.col("attended")).alias("attended"),
        F.col("modified_date").isNotNull().alias("has_modified_date"),
        moment(F.col("modified_date")).alias("modified_date"),
    )

"""Silver of the learner stream: events, typed, each once within its own UTC day."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.quality.rules import Rule, without_rejected

SYSTEM = "stream"
"""What the quarantine calls the learner stream."""

TYPES = (
    "session_started",
    "content_viewed",
    "content_completed",
    "question_answered",
    "mastery_updated",
    "session_ended",
    "heartbeat",
)
_IDS = ("event_id", "event_type", "tenant_id", "learner_id")
_MORE_IDS = ("session_id", "content_id", "skill_id")
_TEXTS = (*_IDS, *_MORE_IDS, "occurred_at", "payload")
_MEASURES = ("correct", "score", "duration_ms", "mastery")
# With a zone, since none is assumed; before 2000 a device's clock was never set.
_INSTANT = (
    "^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?"
    "(Z|[+-][0-9]{2}:[0-9]{2})$"
)
_SKEW = "INTERVAL 5 MINUTES"

LEARNER_EVENTS = Table(
    name="silver.learner_events",
    grain="one row per event and UTC day on which it occurred",
    # The day limits what a batch looks at: the same id on another day is another event.
    keys=("date_key", "event_id"),
    columns="""
        date_key INT NOT NULL COMMENT 'UTC day of the event, yyyymmdd',
        event_id STRING NOT NULL COMMENT 'Identifier that the sender gave',
        event_type STRING NOT NULL COMMENT 'Such as content_viewed; unknown types are kept',
        tenant_id STRING NOT NULL COMMENT 'Tenant',
        learner_id STRING NOT NULL COMMENT 'Learner within the tenant',
        session_id STRING COMMENT 'Session of the learner',
        content_id STRING COMMENT 'Content that the event is about',
        skill_id STRING COMMENT 'Skill that the event is about',
        occurred_at TIMESTAMP NOT NULL COMMENT 'When it occurred by the sender, UTC',
        correct BOOLEAN COMMENT 'True for a right answer',
        score DECIMAL(12,4) COMMENT 'Score of the answer, in units of the content',
        duration_ms BIGINT COMMENT 'Time that the learner took, in milliseconds',
        mastery DECIMAL(9,6) COMMENT 'Mastery of the skill from 0 to 1, rounded to six digits',
        payload STRING COMMENT 'Everything else, as JSON',
        _topic STRING NOT NULL COMMENT 'Topic of the message that brought it first',
        _partition INT NOT NULL COMMENT 'Partition of that message',
        _offset BIGINT NOT NULL COMMENT 'Offset of that message',
        _ingested_at TIMESTAMP NOT NULL COMMENT 'When that message was received, UTC'
    """,
    cluster_by=("date_key",),
    retention_days=548,
    personal=("learner_id", "payload"),
    person=("learner_id",),
)


def _missing(column: str, detail: str, *types: str) -> Rule:
    """A rule that an event of these types, of all if none is named, has the column."""
    listed = ", ".join(f"'{name}'" for name in types)
    concerned = f" AND event_type IN ({listed})" if types else ""
    return Rule(
        f"missing_{column}", "rejected", detail, f"is_event AND {column} IS NULL{concerned}"
    )


EVENT_RULES = (
    Rule("malformed", "rejected", "the message is no JSON object with an event", "NOT is_event"),
    _missing("event_id", "the event has no event_id"),
    _missing("event_type", "the event has no event_type"),
    _missing("tenant_id", "the event has no tenant_id"),
    _missing("learner_id", "the event has no learner_id"),
    _missing("session_id", "a session has no session_id", "session_started", "session_ended"),
    _missing("content_id", "a view has no content_id", "content_viewed", "content_completed"),
    _missing("skill_id", "a change of mastery has no skill_id", "mastery_updated"),
    Rule(
        "invalid_time",
        "rejected",
        "occurred_at is no time in ISO 8601 with an offset, from the year 2000 on",
        "is_event AND occurred_at IS NULL",
    ),
    Rule(
        "future_time",
        "rejected",
        "the event occurred over five minutes after it was received: the sender's clock is fast",
        f"occurred_at > seen_at + {_SKEW}",
    ),
    Rule(
        "invalid_answer",
        "rejected",
        "an answer does not say in payload.correct whether it is right: true or false",
        "event_type = 'question_answered' AND correct IS NULL",
    ),
    Rule(
        "invalid_mastery",
        "rejected",
        "payload.mastery is no number from 0 to 1",
        "event_type = 'mastery_updated' AND coalesce(mastery NOT BETWEEN 0 AND 1, true)",
    ),
    Rule(
        "invalid_measure",
        "flagged",
        "payload.score or payload.duration_ms is no number that can be: it is left empty",
        "(score_text IS NOT NULL AND score IS NULL)"
        " OR (duration_ms_text IS NOT NULL AND duration_ms IS NULL)",
    ),
    Rule(
        "unknown_type",
        "flagged",
        "the type of the event is not known; it is kept and counted",
        f"event_type NOT IN ({', '.join(repr(name) for name in TYPES)})",
    ),
)


def event_records(messages: DataFrame) -> DataFrame:
    """The messages, parsed and typed, fit for `EVENT_RULES`."""
    fields = F.from_json("value", _strings(_TEXTS)).alias("event")
    origin = ("topic", "partition", "offset", "value", "undecodable", "ingested_at")
    parsed = messages.select(*origin, fields)
    measures = F.from_json("event.payload", _strings(_MEASURES)).alias("measures")
    texts = parsed.select("*", measures)
    ids = [_text(f"event.{name}").alias(name) for name in (*_IDS, *_MORE_IDS)]
    is_there = [F.col(f"event.{name}").isNotNull() for name in (*_IDS, "occurred_at")]
    return texts.select(
        *ids,
        F.array_contains(F.array(*is_there), True).alias("is_event"),
        _instant("event.occurred_at").alias("occurred_at"),
        F.col("event.payload").alias("payload"),
        _truth("measures.correct").alias("correct"),
        _text("measures.score").alias("score_text"),
        _number("measures.score", "decimal(12,4)").alias("score"),
        _text("measures.duration_ms").alias("duration_ms_text"),
        _milliseconds("measures.duration_ms").alias("duration_ms"),
        _number("measures.mastery", "decimal(9,6)").alias("mastery"),
        F.col("topic").alias("_topic"),
        F.col("partition").alias("_partition"),
        F.col("offset").alias("_offset"),
        F.concat_ws("/", "topic", "partition").alias("source_key"),
        F.col("offset").cast("string").alias("record_key"),
        F.col("offset").cast("bigint").alias("position"),
        F.coalesce("value", "undecodable").alias("raw"),
        F.lit(None).cast("string").alias("load_id"),
        F.col("ingested_at").alias("seen_at"),
    )


def learner_events(records: DataFrame) -> DataFrame:
    """The records that break no rejecting rule; of those with one id and day the first."""
    good = accepted_events(records)
    first = Window.partitionBy("date_key", "event_id").orderBy("_topic", "_partition", "_offset")
    ranked = good.select("*", F.row_number().over(first).alias("rank"))
    return ranked.where("rank = 1").select(*good.columns)


def accepted_events(records: DataFrame) -> DataFrame:
    """The records that break no rejecting rule, in the columns of `LEARNER_EVENTS`."""
    return without_rejected(records, rules=EVENT_RULES).select(
        date_key("occurred_at").alias("date_key"),
        *_IDS,
        *_MORE_IDS,
        "occurred_at",
        *_MEASURES,
        "payload",
        "_topic",
        "_partition",
        "_offset",
        F.col("seen_at").alias("_ingested_at"),
    )


def date_key(instant: str) -> Column:
    """The UTC day of an instant as a number, yyyymmdd."""
    day = F.col(instant)
    return (F.year(day) * 10_000 + F.month(day) * 100 + F.dayofmonth(day)).cast("int")


def _strings(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} STRING" for name in names)


def _text(column: str) -> Column:
    return F.nullif(F.trim(F.col(column)), F.lit(""))


def _instant(column: str) -> Column:
    return F.when(F.col(column).rlike(_INSTANT), F.try_to_timestamp(F.col(column)))


def _truth(column: str) -> Column:
    text = F.col(column)
    return F.when(text == "true", True).when(text == "false", False)


def _number(column: str, kind: str) -> Column:
    """A number, rounded to the type; not every engine reads an exponent into a decimal."""
    text = F.when(_text(column).rlike("^[-+.0-9eE]+$"), _text(column))
    with_exponent = F.when(text.rlike("[eE]"), text.try_cast("double"))
    return F.coalesce(with_exponent.try_cast(kind), text.try_cast(kind))


def _milliseconds(column: str) -> Column:
    whole = F.round(_number(column, "decimal(20,1)")).try_cast("bigint")
    return F.when(whole.between(0, 31_536_000_000), whole)

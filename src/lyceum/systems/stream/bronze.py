"""Bronze of the learner stream: every message of the topic as it came, exactly once."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table

LEARNER_EVENTS_RAW = Table(
    name="bronze.learner_events_raw",
    grain="one row per message of the broker",
    keys=("topic", "partition", "offset"),
    columns="""
        topic STRING NOT NULL COMMENT 'Topic; for files the name of the topic they stand for',
        partition INT NOT NULL COMMENT 'Partition of the topic',
        offset BIGINT NOT NULL COMMENT 'Offset in the partition',
        key STRING COMMENT 'Key of the message as text',
        value STRING COMMENT 'The message as it came; NULL if it is empty or no UTF-8',
        undecodable STRING COMMENT 'The bytes of a message that is no UTF-8, in base64',
        timestamp TIMESTAMP COMMENT 'Time of the message by the broker, UTC',
        headers STRING COMMENT 'Headers as a JSON list of key and value; NULL if there are none',
        ingested_at TIMESTAMP NOT NULL COMMENT 'When its batch was received, UTC'
    """,
    cluster_by=("topic", "partition", "offset"),
    retention_days=548,
    retention_column="ingested_at",
    personal=("key", "value", "undecodable", "headers"),
    person=("key", "value", "undecodable", "headers"),
)


def raw_messages(messages: DataFrame, *, received: Column) -> DataFrame:
    """The rows of Spark's Kafka source as bronze has them.

    Args:
        messages: The columns of the source, headers among them.
        received: When they were received.
    """
    text = F.try_validate_utf8("value")
    is_lost = F.col("value").isNotNull() & text.isNull()
    headers = F.transform("headers", lambda h: F.array(h["key"], F.make_valid_utf8(h["value"])))
    return messages.select(
        "topic",
        "partition",
        "offset",
        F.make_valid_utf8("key").alias("key"),
        text.alias("value"),
        F.when(is_lost, F.base64("value")).alias("undecodable"),
        "timestamp",
        F.when(F.size("headers") > 0, F.to_json(headers)).alias("headers"),
        received.alias("ingested_at"),
    )

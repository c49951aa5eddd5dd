# ruff: noqa: F821 - the engine provides spark
"""The learner stream as a pipeline: messages of the broker, and their events, each once a day.

Broker and credentials are configuration: every `lyceum.kafka.NAME` is the option `kafka.NAME`.
"""

from functools import partial

from pyspark import pipelines as dp
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.pipelines import full_name
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW, raw_messages
from lyceum.systems.stream.silver import LEARNER_EVENTS, accepted_events, event_records

_CONNECTION = (
    "bootstrap.servers",
    "security.protocol",
    "sasl.mechanism",
    "sasl.jaas.config",
)


_name = partial(full_name, spark)


@dp.table(
    name=_name(LEARNER_EVENTS_RAW),
    comment=LEARNER_EVENTS_RAW.grain,
    schema=LEARNER_EVENTS_RAW.columns,
)
def messages() -> DataFrame:
    """Every message of the topic, as it came."""
    stream = spark.readStream.format("kafka")
    for name in _CONNECTION:
        value = spark.conf.get(f"lyceum.kafka.{name}", "")
        stream = stream.option(f"kafka.{name}", value) if value else stream
    stream = stream.option("subscribe", spark.conf.get("lyceum.kafka.topic"))
    stream = stream.option("startingOffsets", "earliest").option("includeHeaders", "true")
    return raw_messages(stream.load(), received=F.current_timestamp())


@dp.temporary_view(name="learner_events_accepted")
def accepted() -> DataFrame:
    """The messages that are events, however often they came."""
    return accepted_events(event_records(spark.readStream.table(_name(LEARNER_EVENTS_RAW))))


dp.create_streaming_table(
    name=_name(LEARNER_EVENTS), comment=LEARNER_EVENTS.grain, schema=LEARNER_EVENTS.columns
)
dp.create_auto_cdc_flow(  # type: ignore[attr-defined]
    target=_name(LEARNER_EVENTS),
    source="learner_events_accepted",
    keys=list(LEARNER_EVENTS.keys),
    # The greatest sequence wins, and of one event the first message is to stay.
    sequence_by=F.struct(-F.unix_micros("_ingested_at"), -F.col("_partition"), -F.col("_offset")),
    stored_as_scd_type=1,
)

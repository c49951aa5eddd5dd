"""Streams of Kafka: which offsets a batch has, and their messages as a file of Spark's columns."""

import hashlib
import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundlerun.pipelines.errors import DefinitionError, PipelineError, first_line

if TYPE_CHECKING:
    from confluent_kafka import Consumer

Offsets = Mapping[str, Mapping[str, tuple[int, int]]]
"""By cluster and topic, then by partition: the first offset, and the one after the last."""

COLUMNS = (
    "key BINARY, value BINARY, topic STRING, partition INT, offset BIGINT, "
    "timestamp TIMESTAMP, timestampType INT"
)
HEADERS = "headers ARRAY<STRUCT<key: STRING, value: BINARY>>"
_KNOWN = frozenset({
    "subscribe", "subscribepattern", "assign", "startingoffsets", "failondataloss",
    "maxoffsetspertrigger", "includeheaders", "groupidprefix", "minpartitions",
    "kafkaconsumer.polltimeoutms", "fetchoffset.numretries", "fetchoffset.retryintervalms",
})  # fmt: skip
_MOST = 500_000
"""Messages of a batch if the stream sets no `maxOffsetsPerTrigger`."""
_PART = 20_000
"""Messages that are held in memory."""
_PATIENCE = 30.0
"""Seconds that a broker may be silent."""
_LOOK = 0.1
"""Seconds in which messages are gathered that do not fill a part."""
_LOGIN = re.compile(r"""(username|password)\s*=\s*["']([^"']*)["']""")


@dataclass(frozen=True)
class KafkaSource:
    """A stream of the messages of topics."""

    options: Mapping[str, str] = field(repr=False, hash=False)
    """Those of Spark, their names in lower case; some are secret."""

    @classmethod
    def of(cls, options: Mapping[str, str]) -> "KafkaSource":
        """The source that the options of `readStream.format("kafka")` mean.

        Raises:
            DefinitionError: One is missing, or could not be kept here.
        """
        found = {key if key.startswith("kafka.") else key.lower(): v for key, v in options.items()}
        if "kafka.bootstrap.servers" not in found:
            raise DefinitionError("expected kafka.bootstrap.servers for a Kafka stream, found none")
        unknown = [key for key in found if key not in _KNOWN and not key.startswith("kafka.")]
        if unknown:
            message = f"expected other options of a Kafka stream, found {', '.join(unknown)}"
            raise DefinitionError(f"{message}: leave them out")
        if sum(key in found for key in ("subscribe", "subscribepattern", "assign")) != 1:
            message = "expected one of subscribe, subscribePattern and assign for a Kafka stream"
            raise DefinitionError(f"{message}, found none or several")
        return cls(found)

    @property
    def columns(self) -> str:
        """The documented columns."""
        with_headers = self.options.get("includeheaders", "false") == "true"
        return f"{COLUMNS}, {HEADERS}" if with_headers else COLUMNS

    @property
    def name(self) -> str:
        """A word that tells it from other streams, without its secrets."""
        told = {key: value for key, value in self.options.items() if not key.startswith("kafka.")}
        text = json.dumps([self.servers, told], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def most(self) -> int:
        """Messages of a batch."""
        return int(self.options.get("maxoffsetspertrigger", _MOST))

    @property
    def fails_on_loss(self) -> bool:
        """True if messages that were deleted before they were read stop the stream."""
        return self.options.get("failondataloss", "true") == "true"

    @property
    def servers(self) -> str:
        """The brokers' addresses."""
        return self.options["kafka.bootstrap.servers"]

    def has(self, topic: str, partition: str) -> bool:
        """True if the stream reads this partition."""
        if "assign" in self.options:
            return int(partition) in json.loads(self.options["assign"]).get(topic, ())
        if "subscribe" in self.options:
            return topic in (name.strip() for name in self.options["subscribe"].split(","))
        # A consumer of Java passes over the brokers' own topics too.
        is_own = topic.startswith("__")
        return not is_own and re.fullmatch(self.options["subscribepattern"], topic) is not None


def end_offsets(source: KafkaSource) -> dict[str, dict[str, tuple[int, int]]]:
    """The first and the end offset of every partition that the stream reads, as they are now."""
    with _consumer(source) as consumer:
        from confluent_kafka import TopicPartition

        metadata = consumer.list_topics(timeout=_PATIENCE)
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for topic in metadata.topics.values():
            for number in topic.partitions:
                if source.has(topic.topic, str(number)):
                    at = TopicPartition(topic.topic, number)
                    ends = consumer.get_watermark_offsets(at, timeout=_PATIENCE)
                    name = f"{metadata.cluster_id}/{topic.topic}"
                    found.setdefault(name, {})[str(number)] = ends
    if not found:
        message = f"expected topics at {source.servers} for a Kafka stream, found none"
        raise PipelineError(f"{message} of those that it names: create them")
    return found


def next_offsets(
    source: KafkaSource, ends: Offsets, positions: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, tuple[int, int]]]:
    """What the next batch reads: from the positions, no more than a batch may have.

    A partition that is new to a stream under way is read from its first message.

    Raises:
        PipelineError: Messages were deleted before they were read.
    """
    known = {name: positions[name] for name in ends if name in positions}
    since = {
        (name, number): _since(source, (name, number), ends[name][number], known)
        for name in ends
        for number in ends[name]
    }
    waiting = sum(ends[name][number][1] - at for (name, number), at in since.items())
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for (name, number), at in since.items():
        left = ends[name][number][1] - at
        share = left if waiting <= source.most else max(left * source.most // waiting, left > 0)
        found.setdefault(name, {})[number] = (at, at + share)
    return found


def write_messages(source: KafkaSource, offsets: Offsets, file: Path) -> None:
    """Write the messages of a batch into a Parquet file.

    Raises:
        PipelineError: The broker does not answer, or no longer has them.
    """
    import pyarrow.parquet as pq

    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".part")
    with pq.ParquetWriter(aside, _arrow_schema(source), compression="lz4") as parquet:
        for messages in _messages(source, offsets):
            parquet.write_table(_table(source, messages))
    aside.replace(file)


def _since(
    source: KafkaSource,
    at: tuple[str, str],
    ends: tuple[int, int],
    positions: Mapping[str, Mapping[str, int]],
) -> int:
    """Where a partition is read from."""
    (name, number), (first, last) = at, ends
    topic = name.rpartition("/")[2]
    position = positions.get(name, {}).get(number)
    if position is None:
        return first if positions else _start(source, topic, number, ends)
    if first <= position <= last:
        return position
    if source.fails_on_loss:
        message = f"expected offset {position} in partition {number} of {topic}"
        message += f", found {first} to {last}: messages were deleted before they were read"
        raise PipelineError(f"{message}: set failOnDataLoss to false to go on without them")
    return first


def _start(source: KafkaSource, topic: str, number: str, ends: tuple[int, int]) -> int:
    """Where a new stream starts; Spark's default is the end."""
    start = source.options.get("startingoffsets", "latest")
    offset = json.loads(start)[topic][number] if start.startswith("{") else start
    named = {"earliest": ends[0], -2: ends[0], "latest": ends[1], -1: ends[1]}
    return int(named.get(offset, offset))


def _messages(source: KafkaSource, offsets: Offsets) -> Iterator[list[Any]]:
    """The messages of a batch; each partition ends at its offset, whatever is written meanwhile."""
    from confluent_kafka import TopicPartition

    left = {
        (name.rpartition("/")[2], int(number)): (since, until)
        for name, parts in offsets.items()
        for number, (since, until) in parts.items()
        if since < until and source.has(name.rpartition("/")[2], number)
    }
    with _consumer(source) as consumer:
        consumer.assign([TopicPartition(*at, since) for at, (since, _) in left.items()])
        heard = time.monotonic()
        while left:
            found: list[Any] = consumer.consume(_PART, timeout=_LOOK)
            if found:
                heard = time.monotonic()
            elif time.monotonic() - heard > _PATIENCE:
                waited = f"found none within {_PATIENCE:.0f} s"
                raise PipelineError(f"expected messages from {source.servers}, {waited}")
            yield [message for message in found if _is_wanted(message, left)]


def _is_wanted(message: Any, left: dict[tuple[str, int], tuple[int, int]]) -> bool:  # noqa: ANN401
    """True for a message of the batch; a partition that has come to its end is taken from `left`.

    Offsets of transactions are no messages: the end of a partition may come before the last one.
    """
    at, error = (message.topic(), message.partition()), message.error()
    is_end = error is not None and error.name() == "_PARTITION_EOF"
    if error is not None and not is_end:
        raise PipelineError(f"expected messages of {at[0]}, found: {error.str()}")
    if at not in left:
        return False
    until = left[at][1]
    if message.offset() >= (until if is_end else until - 1):
        del left[at]
    return not is_end and message.offset() < until


def _table(source: KafkaSource, messages: list[Any]) -> Any:  # noqa: ANN401 - a pa.Table
    import pyarrow as pa

    schema = _arrow_schema(source)
    times = [message.timestamp() for message in messages]
    columns = [
        [message.key() for message in messages],
        [message.value() for message in messages],
        [message.topic() for message in messages],
        [message.partition() for message in messages],
        [message.offset() for message in messages],
        [milliseconds * 1000 if kind else None for kind, milliseconds in times],
        # Spark counts from -1, which is none.
        [kind - 1 for kind, _ in times],
    ]
    if "headers" in schema.names:
        columns.append([_headers(message) for message in messages])
    arrays = [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _headers(message: Any) -> list[dict[str, object]] | None:  # noqa: ANN401
    found = message.headers()
    return [{"key": key, "value": value} for key, value in found] if found else None


def _arrow_schema(source: KafkaSource) -> Any:  # noqa: ANN401 - a pa.Schema
    import pyarrow as pa

    fields = [
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("timestampType", pa.int32()),
    ]
    if "headers" in source.columns:
        header = pa.struct([("key", pa.string()), ("value", pa.binary())])
        fields.append(("headers", pa.list_(header)))
    return pa.schema(fields)


@contextmanager
def client_errors(servers: str) -> Iterator[None]:
    """Errors of the client, or that there is none, in one line."""
    try:
        from confluent_kafka import KafkaException
    except ImportError:
        message = "expected confluent-kafka for a stream or sink of Kafka, found none"
        raise PipelineError(f"{message}: install bundlerun[kafka]") from None
    try:
        yield
    except KafkaException as error:
        message = f"expected a broker at {servers} that answers"
        raise PipelineError(f"{message}, found: {first_line(error)}") from None


def client_settings(options: Mapping[str, str]) -> dict[str, Any]:
    """Settings of the client: those of Java's that are `kafka.` options, under its own names."""
    given = {k.removeprefix("kafka."): v for k, v in options.items() if k.startswith("kafka.")}
    # A login is one text in Java and two settings here.
    found = _LOGIN.findall(given.pop("sasl.jaas.config", ""))
    login = {f"sasl.{name}": value for name, value in found}
    logger = logging.getLogger("bundlerun.kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return {**given, **login, "logger": logger, "error_cb": lambda _: None}


@contextmanager
def _consumer(source: KafkaSource) -> Iterator["Consumer"]:
    """A consumer that commits nothing: the checkpoint holds the offsets."""
    with client_errors(source.servers):
        from confluent_kafka import Consumer

        consumer = Consumer(
            {
                "group.id": "bundlerun",
                "isolation.level": "read_uncommitted",
                **client_settings(source.options),
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                # Messages may be deleted between the plan of a batch and its reading.
                "auto.offset.reset": "error" if source.fails_on_loss else "earliest",
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()

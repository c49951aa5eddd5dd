"""Sinks: where a pipeline appends what it does not keep, a Delta table or topics of Kafka."""

from collections.abc import Mapping
from typing import Any

from pyspark.pipelines.output import Sink
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from bundlerun.pipelines.errors import DefinitionError, PipelineError
from bundlerun.pipelines.kafka import client_errors, client_settings
from bundlerun.pipelines.names import Names
from bundlerun.pipelines.stored import Stored, ddl
from pocketlake import Lake
from pocketlake.streams import batches_of

_COLUMNS = ("key", "value", "topic", "partition", "headers")
_PATIENCE = 60.0
"""Seconds that a broker may take for what is under way."""


def check_sink(sink: Sink) -> None:
    """Refuse a sink that cannot be written here.

    Raises:
        DefinitionError: Its format or its options are others than those that are known.
    """
    options = set(sink.options)
    if sink.format == "delta" and options == {"tableName"}:
        return
    if sink.format == "kafka" and "kafka.bootstrap.servers" in options:
        unknown = {key for key in options if key != "topic" and not key.startswith("kafka.")}
        if not unknown:
            return
        raise DefinitionError(
            f"expected topic and kafka.… for sink {sink.name}, found {', '.join(sorted(unknown))}"
        )
    message = f"expected sink {sink.name} to be delta with tableName, or kafka with"
    message += " kafka.bootstrap.servers"
    found = ", ".join(sorted(options)) or "no option"
    raise DefinitionError(f"{message}, found {sink.format} with {found}")


def check_columns(sink: Sink, columns: StructType) -> None:
    """Refuse rows that a topic cannot take."""
    if sink.format != "kafka":
        return
    unknown = [name for name in columns.names if name not in _COLUMNS]
    if unknown or "value" not in columns.names or not {"topic"} & {*columns.names, *sink.options}:
        message = f"expected value, a topic as column or option, and some of {', '.join(_COLUMNS)}"
        raise DefinitionError(f"{message} for sink {sink.name}, found {', '.join(columns.names)}")
    for name in {"key", "value"} & {*columns.names}:
        if columns[name].dataType.typeName() not in ("string", "binary"):
            message = f"expected {name} as text or bytes for sink {sink.name}"
            raise DefinitionError(f"{message}, found {columns[name].dataType.simpleString()}")


def write_sink(lake: Lake, sink: Sink, rows: DataFrame, *, once: tuple[str, int]) -> None:
    """Append rows: to a table once, to topics at least once."""
    if sink.format == "delta":
        name = Names(lake.catalog, "default").full(sink.options["tableName"])
        lake.append(Stored(name, ddl(rows.schema)), rows, once=once)
    else:
        _send(sink, rows)


def _send(sink: Sink, rows: DataFrame) -> None:
    """Send rows as messages, and wait until the brokers have all of them."""
    failed: list[str] = []

    def noted(error: Any, _message: object) -> None:  # noqa: ANN401 - the client's own
        if error is not None:
            failed.append(error.str())

    with client_errors(sink.options["kafka.bootstrap.servers"]):
        from confluent_kafka import Producer

        settings = {"enable.idempotence": True, **client_settings(sink.options)}
        producer = Producer({**settings, "on_delivery": noted})
        for batch in batches_of(rows, rows.schema):
            for row in batch.to_pylist():
                _produce(producer, _message(sink, row))
            if failed:
                break
        left = producer.flush(_PATIENCE)
    if failed or left:
        found = failed[0] if failed else f"{left:,} that nobody took within {_PATIENCE:.0f} s"
        message = f"expected the brokers to take all messages of {sink.name}"
        raise PipelineError(f"{message}, found {found}")


def _message(sink: Sink, row: Mapping[str, Any]) -> dict[str, object]:
    """The arguments of the client for a row."""
    message = {**row, "topic": sink.options.get("topic") or row.get("topic")}
    if message.get("partition") is None:
        message.pop("partition", None)
    if "headers" in message:
        pairs = message["headers"] or ()
        message["headers"] = [(header["key"], header["value"]) for header in pairs]
    return message


def _produce(producer: Any, message: Mapping[str, object]) -> None:  # noqa: ANN401
    """Hand a message to the client, once its queue has room."""
    while True:
        try:
            producer.produce(**message)
        except BufferError:
            producer.poll(0.5)
        else:
            producer.poll(0)
            return

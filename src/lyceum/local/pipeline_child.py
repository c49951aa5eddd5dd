"""The child process of a pipeline's run: a Spark Connect server of its own and Spark's engine.

It reads a request from standard input, writes events as JSON lines to standard output, and ends
with its whole process group as soon as standard input ends: the parent is gone then.
"""

import builtins
import json
import os
import pickle
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, TextIO

from filelock import FileLock, Timeout

from lyceum.config import Config
from lyceum.local_disk import tables_on_disk

if TYPE_CHECKING:
    from pyspark.pipelines.cli import PipelineSpec
    from pyspark.pipelines.output import Output
    from pyspark.pipelines.spark_connect_graph_element_registry import (
        SparkConnectGraphElementRegistry,
    )
    from pyspark.sql import SparkSession

_FLOW_STATE = re.compile(r"Flow '?([^']+?)'? (?:is|has) (\w+)")
_UNRESOLVED = re.compile(r"Failed to resolve flow: '([^']+)'")
_RUN_STATE = re.compile(r"Run is (\w+)")
_SQL_DATASET = re.compile(
    r"CREATE\s+(?:OR\s+REFRESH\s+)?(?:STREAMING\s+TABLE|MATERIALIZED\s+VIEW)\s+"
    r"(?:IF\s+NOT\s+EXISTS\s+)?([\w.`-]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PipelineRequest:
    """A run of a pipeline: what, where, and which tables to compute anew."""

    name: str
    config: Config
    root: str
    files: tuple[str, ...]
    schema: str
    configuration: Mapping[str, str]
    port: int
    """Where the child's Connect server listens."""
    full_refresh: bool = False
    refresh: tuple[str, ...] = ()
    full_refresh_selection: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """The name as a file name."""
        return re.sub(r"[^A-Za-z0-9_.-]+", "_", self.name).strip(".") or "pipeline"

    @property
    def storage(self) -> Path:
        """Where the engine keeps the checkpoints of the pipeline's streams."""
        return self.config.home / "checkpoints" / "pipelines" / self.slug


class Events:
    """Events as JSON lines to the parent; whatever else prints goes to standard error."""

    def __init__(self) -> None:
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def send(self, kind: str, message: str, *, name: str = "", state: str = "") -> None:
        """One event."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        facts = {"kind": kind, "message": message, "name": name, "state": state, "time": now}
        self._out.write(json.dumps(facts) + "\n")
        self._out.flush()

    def send_engine(self, message: str) -> None:
        """An event of the engine, which says it as a sentence."""
        print(message, file=sys.stderr)  # noqa: T201 - it goes to the log
        first_line = message.splitlines()[0] if message else ""
        if found := _FLOW_STATE.match(first_line):
            self.send("flow", message, name=found[1].replace("`", ""), state=found[2].upper())
        elif found := _UNRESOLVED.match(first_line):
            self.send("flow", message, name=found[1].replace("`", ""), state="FAILED")
        elif found := _RUN_STATE.match(first_line):
            self.send("run", message, state=found[1].upper())
        else:
            self.send("progress", message)


def main() -> int:
    """Run the pipeline that standard input describes."""
    request: PipelineRequest = pickle.load(sys.stdin.buffer)  # noqa: S301 - our parent wrote it
    Thread(target=_end_with_the_parent, daemon=True).start()
    events = Events()
    try:
        _run(request, events)
    except Exception as error:
        events.send("error", _sentence(error))
        raise
    return 0


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _sentence(error: Exception) -> str:
    """What went wrong, without the JVM's stack."""
    text = str(error).split("\nJVM stacktrace:")[0].strip()
    return text or type(error).__name__


def _run(request: PipelineRequest, events: Events) -> None:
    from pyspark.pipelines.cli import register_definitions
    from pyspark.pipelines.spark_connect_graph_element_registry import (
        SparkConnectGraphElementRegistry,
    )
    from pyspark.pipelines.spark_connect_pipeline import create_dataflow_graph, start_run

    with ExitStack() as locks:
        locks.enter_context(_locked(request.config, f"pipeline-{request.slug}", events))
        events.send("progress", "starting Spark")
        spark = _session(request)
        _attach(spark, request)
        vars(builtins)["spark"] = spark
        sys.path.insert(0, request.root)
        spec, spec_path = _spec(request)
        graph = create_dataflow_graph(spark, spec.catalog, spec.database, {**spec.configuration})
        registry = SparkConnectGraphElementRegistry(spark, graph)
        outputs = _recorded_outputs(registry)
        register_definitions(spec_path, registry, spec, spark, graph)
        for name in sorted({*_datasets(outputs, request), *_sql_datasets(request)}):
            events.send("dataset", f"writes {name}", name=name)
            locks.enter_context(_locked(request.config, name, events))
        results = start_run(
            spark,
            graph,
            full_refresh=request.full_refresh_selection,
            full_refresh_all=request.full_refresh,
            refresh=request.refresh,
            dry=False,
            storage=request.storage.as_uri(),
        )
        for result in results:
            if "pipeline_event_result" in result:
                events.send_engine(result["pipeline_event_result"].event.message)


def _session(request: PipelineRequest) -> "SparkSession":
    """A Connect session on a server of its own, whose options our environment holds."""
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.core import DefaultChannelBuilder

    # Spark's client knows only the default port of a server that it starts itself.
    channel: Any = DefaultChannelBuilder
    channel.default_port = staticmethod(lambda: request.port)
    spark = SparkSession.builder.remote(request.config.master).getOrCreate()
    for key, value in request.configuration.items():
        spark.conf.set(key, value)
    return spark


def _attach(spark: "SparkSession", request: PipelineRequest) -> None:
    """Make the warehouse's tables known, and its schemas the folders where new ones go.

    By SQL: a Connect session that creates a table through its catalog reads all its rows.
    """
    from lyceum.table import quoted, text_literal

    config = request.config
    tables = tables_on_disk(config)
    for schema in sorted({request.schema, *config.schemas.values(), *(s for s, _ in tables)}):
        location = text_literal(f"{config.warehouse}/{schema}")
        name = quoted(config.catalog, schema)
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {name} LOCATION {location}")
    for schema, table in tables:
        location = text_literal(f"{config.warehouse}/{schema}/{table}")
        name = quoted(config.catalog, schema, table)
        spark.sql(f"CREATE TABLE IF NOT EXISTS {name} USING delta LOCATION {location}")


def _spec(request: PipelineRequest) -> "tuple[PipelineSpec, Path]":
    """The engine's specification; its files are named from the folder that holds them all."""
    from pyspark.pipelines.cli import LibrariesGlob, PipelineSpec

    base = Path(os.path.commonpath([request.root, *request.files]))
    spec = PipelineSpec(
        name=request.name,
        storage=request.storage.as_uri(),
        catalog=request.config.catalog,
        database=request.schema,
        configuration=request.configuration,
        libraries=[LibrariesGlob(str(Path(f).relative_to(base))) for f in request.files],
    )
    return spec, base / "spark-pipeline.yml"


def _recorded_outputs(registry: "SparkConnectGraphElementRegistry") -> "list[Output]":
    """A list to which the registry adds every output of a Python file that it registers."""
    outputs: list[Output] = []
    register = registry.register_output

    def register_output(output: "Output") -> None:
        outputs.append(output)
        register(output)

    vars(registry)["register_output"] = register_output
    return outputs


def _datasets(outputs: list["Output"], request: PipelineRequest) -> Iterator[str]:
    from pyspark.pipelines.output import Table

    for output in outputs:
        if isinstance(output, Table):
            yield _schema_and_table(output.name, request.schema)


def _sql_datasets(request: PipelineRequest) -> Iterator[str]:
    for file in request.files:
        if file.endswith(".sql"):
            for name in _SQL_DATASET.findall(Path(file).read_text(encoding="utf-8")):
                yield _schema_and_table(name.replace("`", ""), request.schema)


def _schema_and_table(name: str, schema: str) -> str:
    return ".".join([schema, *name.split(".")][-2:])


def _locked(config: Config, name: str, events: Events) -> FileLock:
    """The lock file that storage/ takes for a table, held when this returns."""
    config.locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(config.locks / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        events.send("progress", f"waits for {name}, which another process writes")
        lock.acquire()
    return lock


if __name__ == "__main__":
    sys.exit(main())

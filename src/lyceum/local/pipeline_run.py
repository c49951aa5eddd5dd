"""A bundle's declarative pipeline on this machine: Spark's own engine in a child process."""

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import IO, Literal, Self

from lyceum.config import Config
from lyceum.local.pipeline_child import PipelineRequest
from lyceum.local.pipeline_settings import pipeline_request
from lyceum.local_disk import tables_on_disk, version_on_disk
from lyceum.session import local_options

Kind = Literal["progress", "dataset", "flow", "run", "error"]

# Pyspark tries to set the options of the server in its session as well, and warns that it cannot.
_PYTHON = (sys.executable, "-W", "ignore:Failed to set")
_OF_OUR_SESSION = (
    "SPARK_REMOTE",
    "SPARK_LOCAL_REMOTE",
    "SPARK_CONNECT_MODE_ENABLED",
    "SPARK_CONNECT_AUTHENTICATE_TOKEN",
    "SPARK_API_MODE",
    "PYSPARK_GATEWAY_PORT",
    "PYSPARK_GATEWAY_SECRET",
)


@dataclass(frozen=True)
class PipelineEvent:
    """Something that happened in a pipeline: a flow or the run changed its state, or a line."""

    kind: Kind
    message: str
    name: str = ""
    """Full name of the flow, which is its dataset's unless it was given another."""
    state: str = ""
    """QUEUED, STARTING, RUNNING, COMPLETED, FAILED, SKIPPED, EXCLUDED, IDLE or STOPPED."""
    time: str = ""
    """When it happened, ISO 8601 in UTC."""

    @classmethod
    def parsed(cls, line: bytes) -> Self:
        """The event that a line of the child stands for."""
        return cls(**json.loads(line))


@dataclass
class PipelineResult:
    """How a pipeline's run ended."""

    name: str
    log: Path
    """What the engine and the pipeline's files printed."""
    state: Literal["COMPLETED", "FAILED", "CANCELED"] = "FAILED"
    error: str | None = None
    datasets: list[str] = field(default_factory=list)
    """The tables that the pipeline writes, as schema.table."""
    flows: dict[str, str] = field(default_factory=dict)
    """The last state of every flow by its full name."""
    written: dict[str, int] = field(default_factory=dict)
    """The Delta version of every table that the run changed, on a local disk."""
    _reasons: list[str] = field(default_factory=list)

    def note(self, event: PipelineEvent) -> None:
        """Take an event into account."""
        if event.kind == "flow":
            self.flows[event.name] = event.state
        elif event.kind == "dataset":
            self.datasets.append(event.name)
        elif event.kind == "run" and event.state == "COMPLETED":
            self.state = "COMPLETED"
        if event.state == "FAILED":
            self._reasons.append(f"{event.name}: {_reason(event.message)}")
        elif event.kind == "error":
            self._reasons.append(_reason(event.message))

    def end(self, *, is_cancelled: bool, exit_code: int | None) -> None:
        """Take the end of the process into account."""
        if is_cancelled:
            self.state, self.error = "CANCELED", "cancelled"
        elif self.state != "COMPLETED":
            why = self._reasons or [f"its process ended with {exit_code}"]
            self.error = f"{why[0]} (see {self.log})"


def run_pipeline(
    settings: Mapping[str, object],
    *,
    config: Config,
    folder: Path | None = None,
    full_refresh: bool = False,
    refresh: Sequence[str] = (),
    full_refresh_selection: Sequence[str] = (),
    on_event: Callable[[PipelineEvent], None] = lambda _: None,
    cancelled: Event | None = None,
) -> PipelineResult:
    """Run a resolved pipeline resource once, as a triggered update; its failure is in the result.

    Relative paths start from `folder`, the present one if None. `cancelled` ends the run when
    it is set; so does an exception in this thread or the end of this process.
    """
    request = pipeline_request(
        settings,
        config=config,
        folder=folder or Path.cwd(),
        full_refresh=full_refresh,
        refresh=refresh,
        full_refresh_selection=full_refresh_selection,
    )
    result = PipelineResult(request.name, config.logs / "pipelines" / f"{request.slug}.log")
    before = _delta_versions(config)
    with _child(request, result.log) as child, _killing(child, cancelled):
        for line in child.stdout or ():
            event = PipelineEvent.parsed(line)
            result.note(event)
            on_event(event)
    is_cancelled = cancelled is not None and cancelled.is_set()
    result.end(is_cancelled=is_cancelled, exit_code=child.returncode)
    changed = set(_delta_versions(config).items()) - set(before.items())
    result.written = {name: version for name, version in changed if name in result.datasets}
    return result


def _reason(message: str) -> str:
    """The sentence of an error message that says why, without plans and stacks."""
    text = message.partition("\nError: ")[2] or message
    text = text.partition(" terminated with exception: ")[2] or text
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")


def _delta_versions(config: Config) -> dict[str, int]:
    """The latest version of every Delta table on a local disk, by schema and name."""
    found = ((f"{s}.{t}", version_on_disk(config, s, t)) for s, t in tables_on_disk(config))
    return {name: version for name, version in found if version is not None}


@contextlib.contextmanager
def _child(request: PipelineRequest, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The child at work; it and its JVM are gone when the block ends."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stderr:
        child = subprocess.Popen(  # noqa: S603 - our own module
            _command(request),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    with child:
        try:
            _send(child.stdin, request)
            yield child
        finally:
            _kill(child)


def _command(request: PipelineRequest) -> list[str]:
    """The child, which starts a Connect server of its own whatever session we have."""
    options = local_options(request.config) | {
        "spark.app.name": f"lyceum pipeline {request.name}",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(request.port),
        "spark.sql.connect.serverStacktrace.enabled": "false",
    }
    settings = {
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONUNBUFFERED": "1",
        # In this form pyspark takes the options of the server that it starts.
        "PYSPARK_REMOTE_INIT_CONF_LEN": "1",
        "PYSPARK_REMOTE_INIT_CONF_0": json.dumps(options),
        **_our_settings(request.config),
    }
    unset = [word for variable in _OF_OUR_SESSION for word in ("-u", variable)]
    set_to = [f"{variable}={value}" for variable, value in settings.items()]
    return ["env", *unset, *set_to, *_PYTHON, "-m", "lyceum.local.pipeline_child"]


def _our_settings(config: Config) -> dict[str, str]:
    """The variables by which pipeline files that load a configuration get this one."""
    schemas = {f"LYCEUM_SCHEMA_{layer.upper()}": name for layer, name in config.schemas.items()}
    places = {"LYCEUM_HOME": str(config.home), "LYCEUM_WAREHOUSE": str(config.warehouse)}
    return {**schemas, **places, "LYCEUM_CATALOG": config.catalog}


def _send(stdin: IO[bytes] | None, request: PipelineRequest) -> None:
    """The request; the pipe then stays open, and its end tells the child of ours."""
    assert stdin is not None  # noqa: S101 - it is a pipe
    pickle.dump(request, stdin)
    stdin.flush()


@contextlib.contextmanager
def _killing(child: subprocess.Popen[bytes], cancelled: Event | None) -> Iterator[None]:
    """Kill the child when `cancelled` is set while the block lasts."""
    if cancelled is None:
        yield
        return
    is_over = Event()

    def watch() -> None:
        while not is_over.is_set():
            if cancelled.wait(0.2):
                _kill(child)
                return

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the child's process group: itself, its JVM and Spark's Python workers."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)

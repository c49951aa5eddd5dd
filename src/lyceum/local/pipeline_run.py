"""A bundle's declarative pipeline on this machine: Spark's own engine in a child process."""

import contextlib
import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import IO, Literal, Self

from lyceum.config import Config
from lyceum.errors import UsageError
from lyceum.local.pipeline_child import PipelineRequest
from lyceum.session import local_options

Kind = Literal["progress", "dataset", "flow", "run", "error"]

_OF_OUR_SESSION = (
    "SPARK_REMOTE",
    "SPARK_LOCAL_REMOTE",
    "SPARK_CONNECT_MODE_ENABLED",
    "SPARK_CONNECT_AUTHENTICATE_TOKEN",
    "SPARK_API_MODE",
    "PYSPARK_GATEWAY_PORT",
    "PYSPARK_GATEWAY_SECRET",
)


class PipelineSettingsError(UsageError):
    """A pipeline resource that Spark's open-source engine cannot run."""


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

    def note(self, event: PipelineEvent) -> None:
        """Take an event into account."""
        if event.kind == "flow":
            self.flows[event.name] = event.state
        elif event.kind == "run" and event.state == "COMPLETED":
            self.state = "COMPLETED"
        elif event.kind == "error":
            self.error = event.message
        elif event.kind == "dataset":
            self.datasets.append(event.name)


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
    with _child(request, result.log) as child, _killing(child, cancelled):
        for line in child.stdout or ():
            event = PipelineEvent.parsed(line)
            result.note(event)
            on_event(event)
    if cancelled is not None and cancelled.is_set():
        result.state, result.error = "CANCELED", "cancelled"
    elif result.state != "COMPLETED":
        result.state = "FAILED"
        result.error = result.error or f"its process ended with {child.returncode}: {result.log}"
    return result


def pipeline_request(
    settings: Mapping[str, object],
    *,
    config: Config,
    folder: Path,
    full_refresh: bool = False,
    refresh: Sequence[str] = (),
    full_refresh_selection: Sequence[str] = (),
) -> PipelineRequest:
    """What the child is asked to do; raises PipelineSettingsError for what it cannot."""
    if full_refresh and (refresh or full_refresh_selection):
        message = "expected a full refresh of all tables or of some, found both: leave one out"
        raise PipelineSettingsError(message)
    name = str(settings.get("name") or "pipeline")
    if settings.get("continuous"):
        message = f"expected pipeline {name} to be triggered, found continuous: true: run it so"
        raise PipelineSettingsError(message)
    root = folder / str(settings.get("root_path") or ".")
    configuration = settings.get("configuration") or {}
    assert isinstance(configuration, Mapping)  # noqa: S101 - the bundle's schema says so
    return PipelineRequest(
        name=name,
        config=config,
        root=str(root.resolve()),
        files=tuple(_files(settings, folder=folder, root=root, name=name)),
        schema=str(settings.get("schema") or settings.get("target") or "default"),
        configuration={str(k): _text(v) for k, v in configuration.items()},
        port=_free_port(),
        full_refresh=full_refresh,
        refresh=tuple(refresh),
        full_refresh_selection=tuple(full_refresh_selection),
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _files(settings: Mapping[str, object], *, folder: Path, root: Path, name: str) -> Iterator[str]:
    """Every source file that the libraries name, in their order, once."""
    libraries = settings.get("libraries") or []
    assert isinstance(libraries, Sequence)  # noqa: S101 - the bundle's schema says so
    found = [file for entry in libraries for file in _library(entry, folder, root, name)]
    if not found:
        message = f"expected libraries of pipeline {name} to name .py or .sql files, found none"
        raise PipelineSettingsError(message)
    return iter(dict.fromkeys(found))


def _library(
    entry: Mapping[str, Mapping[str, str]], folder: Path, root: Path, name: str
) -> list[str]:
    [(kind, value)] = entry.items()
    if kind not in ("file", "glob", "notebook"):
        message = (
            f"expected libraries of pipeline {name} to be file, glob or notebook, found {kind}"
        )
        raise PipelineSettingsError(message)
    if kind == "glob":
        return [str(file) for file in _matching(folder, root, value["include"])]
    return [str(_source_file(folder / value["path"], name))]


def _matching(folder: Path, root: Path, pattern: str) -> list[Path]:
    """The source files of a glob; it starts from the root, else from the bundle's file."""
    base, _, rest = pattern.partition("*")
    start = Path(base[: base.rfind("/") + 1])
    inner = base[base.rfind("/") + 1 :] + ("*" + rest if "*" in pattern else "")
    inner = f"{inner}/*" if inner.endswith("**") else inner
    for at in (folder / start, root / start):
        files = sorted(at.glob(inner)) if at.is_dir() else []
        sources = [f.resolve() for f in files if f.suffix in (".py", ".sql")]
        if sources:
            return [f for f in sources if f.name != "__init__.py"]
    return []


def _source_file(path: Path, name: str) -> Path:
    """The file of a library; a notebook may be named without its suffix."""
    candidates = (path, path.with_name(f"{path.name}.py"), path.with_name(f"{path.name}.sql"))
    file = next((c.resolve() for c in candidates if c.is_file()), None)
    if file is None:
        message = f"expected the file {path} of pipeline {name}, found none"
        raise PipelineSettingsError(message)
    if file.suffix not in (".py", ".sql"):
        message = f"expected {file} of pipeline {name} to be .py or .sql: convert it"
        raise PipelineSettingsError(message)
    magics = re.findall(r"^# MAGIC (%(?!md)\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    if magics:
        message = f"expected Python alone in {file} of pipeline {name}, found {magics[0]}"
        raise PipelineSettingsError(message)
    return file


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
    }
    unset = [word for variable in _OF_OUR_SESSION for word in ("-u", variable)]
    set_to = [f"{variable}={value}" for variable, value in settings.items()]
    return ["env", *unset, *set_to, sys.executable, "-m", "lyceum.local.pipeline_child"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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

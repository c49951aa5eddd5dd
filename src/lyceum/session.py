"""The session to compute with: embedded, a Spark Connect server's, or the workspace's own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lyceum.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Run(Protocol):
    """What a runner tells its tasks."""

    @property
    def home(self) -> Path:
        """Where files are kept."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment."""


@dataclass(frozen=True)
class TaskEnvironment:
    """The run that a task is part of: what it uses instead of opening its own."""

    config: Settings
    session: Callable[[], "SparkSession"]


TASK_ENVIRONMENT: ContextVar[TaskEnvironment | None] = ContextVar("task_environment", default=None)
"""Set inside a task that a runner calls in its own process."""


@contextmanager
def inside_task(run: "Run", session: Callable[[], "SparkSession"]) -> Iterator[None]:
    """Let everything inside the block use the session, home and environment of a run."""
    token = TASK_ENVIRONMENT.set(TaskEnvironment(Settings.load(run.home, run.environ), session))
    try:
        yield
    finally:
        TASK_ENVIRONMENT.reset(token)


def spark_session(config: Settings) -> "SparkSession":
    """The session of the task under way, else a new one of the configured engine."""
    inside = TASK_ENVIRONMENT.get()
    return inside.session() if inside is not None else new_session(config)


def new_session(config: Settings) -> "SparkSession":
    """A session of the configured engine, which the first call of a process starts."""
    from pocketlake import sessions

    if config.engine == "workspace":
        return sessions.workspace_session()
    if config.remote:
        return sessions.connected_session(config.remote)
    if config.engine == "embedded":
        return sessions.embedded_session(catalog=config.catalog)
    from pocketlake.reference.session import reference_session

    return reference_session(config.cache_folder, java_home=config.java_home)

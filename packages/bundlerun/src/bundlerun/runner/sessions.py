"""Spark for the tasks of a run: one engine, started when a task needs it, a session a task."""

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Any

from bundlerun.config import Config, named

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Sessions:
    """The sessions of a run's tasks; temporary views and settings stay within a task."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.is_started = False
        """True if a task of this run has needed a session."""

    def new(self) -> "SparkSession":
        """A session in which new tables go where all tables of the warehouse are."""
        self.is_started = True
        # In a context of its own: the threads that this starts outlive the task.
        spark = Context().run(self.config.new_session)
        if self.config.is_local_disk:
            from pocketlake import quoted, text_literal

            for schema in self.config.schemas.values():
                location = text_literal(f"{self.config.warehouse}/{schema}")
                name = quoted(self.config.catalog, schema)
                spark.sql(f"CREATE SCHEMA IF NOT EXISTS {name} LOCATION {location}")
        return spark

    def task_session(self) -> "TaskSession":
        """A session for one task, which starts when it is first asked for."""
        return TaskSession(self)

    @contextmanager
    def used(self, session: "TaskSession") -> Iterator[None]:
        """Let everything inside the block that asks for a session get this one."""
        token = _SESSION.set(session)
        around = self.config.choices.task_environment
        inside = named(around)(self.config, session.get) if around else contextlib.nullcontext()
        try:
            with inside:
                yield
        finally:
            _SESSION.reset(token)


class TaskSession:
    """The Spark session of one task, there when it is first asked for."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._guard = Lock()
        self._session: SparkSession | None = None

    def get(self) -> "SparkSession":
        """The task's session."""
        with self._guard:
            if self._session is None:
                self._session = self._sessions.new()
            return self._session

    def with_tables(self) -> "SparkSession":
        """The task's session, in which every table on disk is known by its name."""
        lake = self._sessions.config.lake(self.get())
        lake.attach(lake.tables())
        return self.get()

    def interrupt(self) -> None:
        """End what Spark computes for the task, in whichever of its threads."""
        if self._session is not None:
            with contextlib.suppress(Exception):
                self._session.interruptAll()


_SESSION: ContextVar[TaskSession | None] = ContextVar("task_session", default=None)
_builder_guard = Lock()
_builder_original: Any = None


def offer_to_builders() -> None:
    """Let `SparkSession.builder.getOrCreate()` give a task its own session too."""
    global _builder_original  # noqa: PLW0603 - the class that is changed is the process's own
    from pyspark.sql import SparkSession

    with _builder_guard:
        if _builder_original is None:
            _builder_original = SparkSession.Builder.getOrCreate
            setattr(SparkSession.Builder, "getOrCreate", _get_or_create)  # noqa: B010


def withdraw_from_builders() -> None:
    """Let builders build again."""
    global _builder_original  # noqa: PLW0603 - see above
    with _builder_guard:
        if _builder_original is not None and "pyspark.sql" in sys.modules:
            from pyspark.sql import SparkSession

            setattr(SparkSession.Builder, "getOrCreate", _builder_original)  # noqa: B010
            _builder_original = None


def _get_or_create(builder: "SparkSession.Builder") -> "SparkSession":
    inside = _SESSION.get()
    if inside is None:
        return _builder_original(builder)  # type: ignore[no-any-return]
    session = inside.with_tables()
    for key, value in builder._options.items():  # noqa: SLF001 - pyspark has no other way
        with contextlib.suppress(Exception):
            session.conf.set(key, value)
    return session

"""What a task has in its process: its settings, its session, `spark` and `dbutils`."""

import contextlib
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bundlerun.config import Config
from bundlerun.runner.errors import TaskError
from bundlerun.workers.guard import guard_writes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from bundlerun.notebook.context import NotebookContext
    from bundlerun.notebook.dbutils import Dbutils


@dataclass
class Here:
    """A task in its process."""

    config: Config
    run_folder: Path
    """Where the run keeps its files."""
    task_values: Mapping[str, Mapping[str, Any]]
    """What earlier tasks have set."""
    pipelines: Mapping[str, Any] = field(default_factory=dict)
    """The pipelines of the bundle."""
    folder: Path = Path()
    """The bundle's folder."""
    values: dict[str, Any] = field(default_factory=dict)
    """The task values that this task has set."""

    @cached_property
    def session(self) -> "SparkSession":
        """The task's session, in which new tables go where all tables of the warehouse are."""
        spark = self.config.new_session()
        if self.config.is_local_disk:
            from pocketlake import quoted, text_literal

            for schema in self.config.schemas.values():
                location = text_literal(f"{self.config.warehouse}/{schema}")
                name = quoted(self.config.catalog, schema)
                spark.sql(f"CREATE SCHEMA IF NOT EXISTS {name} LOCATION {location}")
        return spark

    @cached_property
    def session_with_tables(self) -> "SparkSession":
        """The same session, in which every table on disk is known by its name."""
        lake = self.config.lake(self.session)
        lake.attach(lake.tables())
        return self.session

    @cached_property
    def dbutils(self) -> "Dbutils":
        """`dbutils` for a task that is no notebook."""
        from bundlerun.notebook.dbutils import Dbutils

        utils = Dbutils(self.notebook_context(), {}, _no_notebook)
        self.values = utils.jobs.taskValues.values
        return utils

    def notebook_context(self) -> "NotebookContext":
        """What a notebook gets from the task that runs it."""
        from bundlerun.notebook.context import EnvironmentSecrets, NotebookContext

        return NotebookContext(
            spark=lambda: self.session_with_tables,
            save_to=self.run_folder / "notebooks",
            secrets=EnvironmentSecrets(self.config.environ),
            task_values=self.task_values,
            files_root=self.config.home / "files",
        )

    def offer(self) -> None:
        """Offer session and `dbutils` by the imports that a workspace has for them."""
        for name in ("databricks.sdk.runtime", "pyspark.dbutils"):
            sys.modules[name] = _Runtime(name, self)
        from pyspark.sql import SparkSession

        _be_impatient(self.config.remote or "")
        if self.config.engine == "embedded":
            guard_writes()
        original = SparkSession.Builder.getOrCreate

        def get_or_create(builder: "SparkSession.Builder") -> "SparkSession":
            """The task's session, unless another server is named."""
            asked = dict(builder._options)  # noqa: SLF001 - pyspark has no other way
            if asked.pop("spark.remote", self.config.remote) != self.config.remote:
                return original(builder)
            session = self.session_with_tables
            for key, value in asked.items():
                with contextlib.suppress(Exception):
                    session.conf.set(key, value)
            return session

        setattr(SparkSession.Builder, "getOrCreate", get_or_create)  # noqa: B010 - a method


class _Runtime(types.ModuleType):
    """A module that has the task's session and `dbutils`; the session starts when it is named."""

    def __init__(self, name: str, here: Here) -> None:
        super().__init__(name)
        self.__dict__["_here"] = here
        self.DBUtils = lambda *_: here.dbutils

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - session or utilities
        here: Here = self.__dict__["_here"]
        if name == "dbutils":
            return here.dbutils
        if name == "spark":
            return here.session_with_tables
        message = f"module {self.__name__!r} has no attribute {name!r} on this machine"
        raise AttributeError(message)


def _be_impatient(address: str) -> None:
    """Let sessions give up soon: a server of this machine that does not answer is gone.

    A client tries again for ten minutes, from its first call on, before anybody can tell it not to.
    """
    if "127.0.0.1" in address or "localhost" in address:
        from pyspark.sql.connect.client import core, retries

        setattr(core, "DefaultPolicy", partial(retries.DefaultPolicy, max_retries=4))  # noqa: B010


def _no_notebook(path: str, _timeout: float, _arguments: Mapping[str, str]) -> NoReturn:
    raise TaskError(f"expected {path} to be run by a notebook: this task is none")

"""Config: what is set from outside, by `bundlerun.toml` and the environment; read once."""

import getpass
import os
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast, get_args

from bundlerun.errors import UsageError
from pocketlake.redaction import remember_secrets_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pocketlake import Lake

FILE = "bundlerun.toml"
Engine = Literal["embedded", "spark"]


class ConfigError(UsageError):
    """A setting has a value that it cannot have."""


@dataclass(frozen=True)
class Choices:
    """What `bundlerun.toml`, beside a bundle's databricks.yml, says of that bundle."""

    engine: Engine = "spark"
    """What computes: Apache Spark, or `embedded`: Sail, with delta-rs as writer."""
    environment: str = "BUNDLERUN"
    """How the variables begin that say where the tables are: `BUNDLERUN_HOME` and so on."""
    home_variable: str | None = None
    """The bundle's variable that is the home of a run on this machine."""
    schemas: tuple[str, ...] = ("bronze", "silver", "gold", "ops")
    """The schemas that every session knows."""
    declarations: str | None = None
    """`module:function` that gives the declared tables: a pipeline merges those by their keys."""
    arguments: str | None = None
    """`module:function` that says what an entry point finds wrong with its arguments."""
    policy: tuple[str, ...] = ()
    """What `bundle check` asks for beyond what a deployment needs: constants, production."""
    imports: tuple[str, ...] = ()
    """Modules that most tasks import; they are imported once, and may start no thread."""

    @classmethod
    def of(cls, folder: Path | None) -> Self:
        """The choices of the bundle in a folder; the defaults where there is no file."""
        file = None if folder is None else folder / FILE
        if file is None or not file.is_file():
            return cls()
        try:
            given: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"expected {FILE} to be TOML, found: {error}") from None
        known = {one.name for one in fields(cls)}
        for name in given.keys() - known:
            names = ", ".join(sorted(known))
            raise ConfigError(f"expected {FILE} to set {names}, found {name!r}: leave it out")
        values: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        return cls(**values)


@dataclass(frozen=True)
class Config:
    """Where runs and tables are, and what computes."""

    home: Path
    """Runs, locks, checkpoints and the tables."""
    warehouse: str
    """Folder or URL of the tables."""
    catalog: str
    schemas: Mapping[str, str]
    """What each schema is really called."""
    engine: Engine
    remote: str | None
    """Address of a Spark Connect server; None starts the engine in this process."""
    cache_folder: Path
    """Shared by all bundles: the Spark jars."""
    java_home: str | None
    choices: Choices = field(default_factory=Choices)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
    ) -> Self:
        """The configuration for the bundle of a folder: `home` if given, the rest from outside."""
        env = dict(os.environ if environ is None else environ)
        remember_secrets_of(env)
        choices = Choices.of(folder)
        prefix = choices.environment
        home = home or Path(env.get(f"{prefix}_HOME") or f".{prefix.lower()}")
        home = home.expanduser().resolve()
        engine = env.get(f"{prefix}_ENGINE") or choices.engine
        if engine not in get_args(Engine):
            message = f"expected {prefix}_ENGINE to be embedded or spark, found {engine!r}"
            raise ConfigError(message)
        before = env.get(f"{prefix}_SCHEMA_PREFIX", "")
        return cls(
            home=home,
            warehouse=env.get(f"{prefix}_WAREHOUSE") or f"{home}/warehouse",
            catalog=env.get(f"{prefix}_CATALOG") or "spark_catalog",
            schemas={
                name: env.get(f"{prefix}_SCHEMA_{name.upper()}") or f"{before}{name}"
                for name in choices.schemas
            },
            engine=cast("Engine", engine),
            remote=env.get("SPARK_REMOTE"),
            cache_folder=_cache_folder(env, prefix),
            java_home=env.get("JAVA_HOME"),
            choices=choices,
            environ=env,
        )

    @property
    def locks(self) -> Path:
        """The folder of the lock files; they are empty and may be deleted when nothing runs."""
        return self.home / "locks"

    @property
    def is_local_disk(self) -> bool:
        """True if the tables lie on a disk that only this machine's processes share."""
        return "://" not in self.warehouse

    def lake(self, spark: "SparkSession") -> "Lake":
        """The tables, in a session."""
        from pocketlake import Lake

        return Lake(
            spark,
            kind=self.engine,
            warehouse=self.warehouse,
            catalog=self.catalog,
            schemas=self.schemas,
        )

    def new_session(self) -> "SparkSession":
        """A session of the engine, which the first call of a process starts."""
        from pocketlake import sessions

        if self.engine == "embedded":
            return sessions.embedded_session(catalog=self.catalog, address=self.remote)
        if self.remote:
            return sessions.connected_session(self.remote)
        from pocketlake.reference.session import reference_session

        return reference_session(self.cache_folder, java_home=self.java_home)

    def served_address(self) -> str:
        """The address of a server of the engine in this process, which the first call starts."""
        if self.engine == "embedded":
            from pocketlake.sessions import server_address

            return server_address(self.catalog)
        from pocketlake.reference import session

        return session.server_address(self.cache_folder, java_home=self.java_home)

    def variables(self) -> dict[str, str]:
        """The variables that tell a task what this configuration is."""
        told = {
            "HOME": str(self.home),
            "ENGINE": self.engine,
            "WAREHOUSE": self.warehouse,
            "CATALOG": self.catalog,
        }
        return {f"{self.choices.environment}_{name}": value for name, value in told.items()}

    def full_name(self, name: str) -> str:
        """A table's name with its schema as that is really called."""
        schema, _, table = name.partition(".")
        return f"{self.schemas.get(schema, schema)}.{table}"


def named(reference: str) -> Callable[..., Any]:
    """The function that `module:function` names.

    >>> named("os.path:join").__name__
    'join'
    """
    module, _, name = reference.partition(":")
    try:
        return cast("Callable[..., Any]", getattr(import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        message = f"expected {FILE} to name a function as module:function, found {reference!r}"
        raise ConfigError(f"{message}: {error}") from None


def login() -> str:
    """Name of the user of this process; `user` where the system knows none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user"


def user_at_host() -> str:
    """Who runs this process, and where."""
    return f"{login()}@{socket.gethostname()}"


def _cache_folder(env: Mapping[str, str], prefix: str) -> Path:
    base = env.get("XDG_CACHE_HOME") or Path(env.get("HOME", "~")).expanduser() / ".cache"
    return Path(env.get(f"{prefix}_CACHE") or Path(base) / prefix.lower())

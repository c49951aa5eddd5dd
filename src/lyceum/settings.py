"""Settings: everything that is set from outside, read once; nothing else reads the environment."""

import getpass
import os
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, cast, get_args

from lyceum.errors import SettingsError
from lyceum.model.table import LAYERS
from pocketlake.redaction import remember_secrets_of

if TYPE_CHECKING:
    from lyceum.system_settings import SystemSettings

    T = TypeVar("T", bound=SystemSettings)


Engine = Literal["embedded", "spark", "workspace"]


@dataclass(frozen=True)
class Settings:
    """Where Lyceum keeps its tables and how it starts Spark."""

    home: Path
    """Checkpoints, logs, locks and data docs; locally also the warehouse."""
    cache_folder: Path
    """Shared by all clones: the Spark jars."""
    warehouse: str | None
    """Folder or URL of the local tables; None in a workspace, where tables are managed."""
    catalog: str
    schemas: Mapping[str, str]
    engine: Engine
    """What computes: `embedded` in this process, `spark`, or the workspace's own."""
    remote: str | None
    """Address of a Spark Connect server; None starts the engine in this process."""
    java_home: str | None
    environ: Mapping[str, str]
    job_run_id: str | None = None
    """Run of the workspace job that this process works for: `{{job.run_id}}`."""
    task_run_id: str | None = None
    """Run of its task: `{{task.run_id}}`."""

    @classmethod
    def load(
        cls,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        settings: str = "",
    ) -> "Settings":
        """The configuration of this process: `home` if given, the rest from the environment.

        `settings`, such as `LMS_RATE=50 LYCEUM_ENGINE=spark`, come before the environment's.
        """
        env = dict(os.environ if environ is None else environ) | _assignments(settings)
        remember_secrets_of(env)
        in_workspace = "DATABRICKS_RUNTIME_VERSION" in env
        if in_workspace and not (home or env.get("LYCEUM_HOME")):
            message = "expected LYCEUM_HOME, a folder of a volume, found nothing: give --settings"
            raise SettingsError(message)
        home = (home or Path(env.get("LYCEUM_HOME") or ".lyceum")).expanduser().resolve()
        warehouse = env.get("LYCEUM_WAREHOUSE") or (None if in_workspace else f"{home}/warehouse")
        prefix = env.get("LYCEUM_SCHEMA_PREFIX", "")
        engine = env.get("LYCEUM_ENGINE") or _engine(env, in_workspace=in_workspace)
        if engine not in get_args(Engine):
            message = f"expected LYCEUM_ENGINE to be embedded or spark, found {engine!r}"
            raise SettingsError(message)
        return cls(
            home=home,
            cache_folder=_cache_folder(env),
            warehouse=warehouse,
            catalog=env.get("LYCEUM_CATALOG", "spark_catalog"),
            schemas={k: env.get(f"LYCEUM_SCHEMA_{k.upper()}", f"{prefix}{k}") for k in LAYERS},
            engine=cast("Engine", engine),
            remote=env.get("SPARK_REMOTE"),
            java_home=env.get("JAVA_HOME"),
            environ=env,
            job_run_id=env.get("LYCEUM_JOB_RUN_ID"),
            task_run_id=env.get("LYCEUM_TASK_RUN_ID"),
        )

    @property
    def landing(self) -> Path:
        """The folder of delivered and fetched files, a folder for each entity or system."""
        return Path(self.environ.get("LYCEUM_LANDING") or self.home / "landing")

    @property
    def logs(self) -> Path:
        """The folder of the log files, Spark's own among them."""
        return self.home / "logs"

    @property
    def locks(self) -> Path:
        """The folder of the lock files; they are empty and may be deleted when nothing runs."""
        return self.home / "locks"

    @property
    def has_local_home(self) -> bool:
        """True if files of the home can be appended to; those of a workspace's volume cannot."""
        return self.warehouse is not None

    @property
    def is_local_disk(self) -> bool:
        """True if the tables lie on a disk that only this machine's processes share."""
        return self.warehouse is not None and "://" not in self.warehouse

    def of(self, kind: type["T"], **given: object) -> "T":
        """The settings of a system; what is given and not None comes before the environment.

        Raises:
            SettingsError: A value is missing or wrong.
        """
        from lyceum.system_settings import read_settings

        return read_settings(kind, self.environ, self._workspace_secret, given)

    def _workspace_secret(self, name: str) -> str | None:
        """The secret of that name in the scope `LYCEUM_SECRET_SCOPE`, where one is set."""
        scope = self.environ.get("LYCEUM_SECRET_SCOPE")
        if scope is None:
            return None
        from databricks.sdk import WorkspaceClient

        try:
            return str(WorkspaceClient().dbutils.secrets.get(scope, name))
        except Exception as error:  # noqa: BLE001 - each runtime has errors of its own
            found = type(error).__name__
            message = f"expected {name} in the secret scope {scope!r}, found none ({found})"
            raise SettingsError(f"{message}: put it there") from None


def _engine(env: Mapping[str, str], *, in_workspace: bool) -> Engine:
    """The engine that nobody chose: a server's, the workspace's, else the embedded one."""
    if in_workspace:
        return "workspace"
    return "spark" if env.get("SPARK_REMOTE") else "embedded"


def login() -> str:
    """Name of the user of this process; `user` where the system knows none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user"


def user_at_host() -> str:
    """Who runs this process, and where."""
    return f"{login()}@{socket.gethostname()}"


def _assignments(text: str) -> dict[str, str]:
    """What `NAME=VALUE NAME='a value'` sets; an empty value sets nothing.

    >>> _assignments("LMS_RATE=50 LMS_BASE_URL= LYCEUM_HOME='a b'")
    {'LMS_RATE': '50', 'LYCEUM_HOME': 'a b'}
    """
    try:
        pairs = [part.partition("=") for part in shlex.split(text)]
    except ValueError as error:
        message = f"expected settings like NAME=VALUE, found {error}: close the quotes"
        raise SettingsError(message) from None
    for name, equals, _ in pairs:
        if not (name.isidentifier() and equals):
            message = f"expected settings like NAME=VALUE, found {name!r}"
            raise SettingsError(message)
    return {name: value for name, _, value in pairs if value}


def _cache_folder(env: Mapping[str, str]) -> Path:
    base = env.get("XDG_CACHE_HOME") or Path(env.get("HOME", "~")).expanduser() / ".cache"
    return Path(env.get("LYCEUM_CACHE") or Path(base) / "lyceum")

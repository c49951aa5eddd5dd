"""The engine of a run: the server that computes, and the processes that use it."""

import os
import socket
import sys
import uuid
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from bundlerun.config import Config
from bundlerun.runner.errors import TaskError
from bundlerun.workers.processes import PROCESSES, Process

Write = Callable[[str], object]

_TOKEN = str(uuid.uuid4())
"""What Spark's server of this process asks its clients for."""
_GUARD = Lock()
_SERVERS: dict[tuple[str, str], tuple[Process, str]] = {}
"""The servers of this process with their addresses, by engine and catalog."""


class Engine:
    """Starts the processes of a run's tasks, each with the server's address."""

    def __init__(self, config: Config, folder: str) -> None:
        self._config = config
        self._folder = folder
        self.is_used = False
        """True if a task of this run has had a process."""

    def prepare(self) -> None:
        """Let a process import what tasks need, while the runner does something else."""
        PROCESSES.prepare(self._config.environ, self._config.choices.imports)

    def task(self, asked: Mapping[str, Any], write: Write) -> Process:
        """The process of a task."""
        self.is_used = True
        return self._process({"do": "task", **asked}, write, self._address())

    def record(self) -> str | None:
        """Bring ended runs into their table; what went wrong, in one line."""
        printed: list[str] = []
        process = self._process({"do": "record"}, printed.append, self._address())
        process.wait()
        if process.exit_code == 0:
            return None
        lines = "".join(printed).strip().splitlines()
        return lines[-1] if lines else "its process died"

    def _process(self, asked: Mapping[str, Any], write: Write, address: str | None) -> Process:
        config = self._config
        environ = {**config.environ, **config.variables(), "PYTHONUNBUFFERED": "1"}
        if config.engine == "spark" and config.remote is None:
            environ.setdefault("SPARK_CONNECT_AUTHENTICATE_TOKEN", _TOKEN)
        if address is not None:
            environ["SPARK_REMOTE"] = address
        request = {
            "folder": self._folder,
            "home": str(config.home),
            "environ": environ,
            "sys_path": sys.path,
            "cwd": os.getcwd(),  # noqa: PTH109 - as it is
            **asked,
        }
        return PROCESSES.start(request, config.environ, write)

    def _address(self) -> str:
        """The address of the server, which the first call starts; one that died is replaced."""
        if self._config.remote:
            return self._config.remote
        key = (self._config.engine, self._config.catalog)
        with _GUARD:
            process, address = _SERVERS.get(key, (None, ""))
            if process is None or not _answers(address):
                process, address = self._served()
                _SERVERS[key] = (process, address)
        return address

    def _served(self) -> tuple[Process, str]:
        printed: list[str] = []
        process = self._process({"do": "serve"}, printed.append, None)
        address = process.first("address")
        if address is None:
            last = ("".join(printed).strip().splitlines() or ["it said nothing"])[-1]
            raise TaskError(f"expected a server of {self._config.engine} to start, found: {last}")
        return process, str(address)


def _answers(address: str) -> bool:
    """Whether a server is there: one that was killed may not be known to be gone yet."""
    host, _, port = address.removeprefix("sc://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True

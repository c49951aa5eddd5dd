"""The processes of a run, as the runner sees them: started, followed, ended."""

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Lock, Thread, Timer
from typing import Any

from bundlerun.errors import RunnerError
from bundlerun.workers import QUIET
from bundlerun.workers.fork_server import FORK, SPAWN, descendants

GRACE = 0.7
"""Seconds that a process has after it was told to end, before it is killed."""
_LEFT_BEHIND = 0.2
"""Seconds that the output of an ended process may still come, from one that it started."""
IMPORTED = (
    "pyspark.sql.connect.session",
    "pyspark.sql.functions",
    "pocketlake.embedded",
    "bundlerun.runner.kinds.tasks",
    "bundlerun.runner.recorder",
)
"""What most tasks need."""

Message = dict[str, Any]


class ProcessDiedError(RunnerError):
    """A process ended without a word of how its task did."""


class Process:
    """A process of its own for one task; `wait` is called by one thread, `end` by any."""

    def __init__(self, channel: socket.socket, output: int, write: Callable[[str], object]) -> None:
        self._channel = channel
        self._output = output
        self._write = write
        self._guard = Lock()
        self._pid: int | None = None
        self._is_told = False
        self.exit_code: int | None = None

    def wait(self) -> Message | None:
        """What the process says of its task; None if it ends without a word.

        What it prints is written to the log meanwhile.
        """
        said: Message | None = None
        for message in self.messages():
            said = message.get("said", said)
        return said

    def first(self, name: str) -> object:
        """What the process first tells under a name; it is followed on, in a thread."""
        messages = self.messages()
        found = next((message[name] for message in messages if name in message), None)
        if found is not None:
            Thread(target=lambda: list(messages), daemon=True).start()
        return found

    def messages(self) -> Iterator[Message]:
        """What the process tells until it ends."""
        with selectors.DefaultSelector() as selector, self._channel:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._output, selectors.EVENT_READ)
            text = b""
            while self.exit_code is None:
                for key, _ in selector.select():
                    if key.fileobj == self._output:
                        if not self._printed():
                            selector.unregister(self._output)
                        continue
                    read = self._channel.recv(65536)
                    *lines, text = (text + read).split(b"\n")
                    for message in map(json.loads, lines):
                        self._take(message)
                        yield message
                    if not read:
                        self._take({"exit": -signal.SIGKILL})
        self._conclude()

    def end(self) -> None:
        """Tell the process to end; soon after it is killed, with all that it has started."""
        with self._guard:
            self._is_told = True
            if self._pid is None or self.exit_code is not None:
                return
        self._signal(signal.SIGTERM)
        timer = Timer(GRACE, self._signal, (signal.SIGKILL,))
        timer.daemon = True
        timer.start()

    @property
    def is_over(self) -> bool:
        """True if the process has ended."""
        return self.exit_code is not None

    def _take(self, message: Message) -> None:
        if "pid" in message:
            with self._guard:
                self._pid = message["pid"]
                is_told = self._is_told
            if is_told:
                self.end()
        if "exit" in message:
            self.exit_code = message["exit"]

    def _conclude(self) -> None:
        """Kill what the process left behind, and read the last of what was printed."""
        if self._pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while selector.select(_LEFT_BEHIND) and self._printed():
                pass
        os.close(self._output)

    def _printed(self) -> bool:
        read = os.read(self._output, 65536)
        self._write(read.decode("utf-8", "replace"))
        return bool(read)

    def _signal(self, number: int) -> None:
        with self._guard:
            if self._pid is None or self.exit_code is not None:
                return
            for pid in descendants(self._pid) if number == signal.SIGKILL else ():
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, number)


class Processes:
    """Starts processes; all of them end with this one."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._control: socket.socket | None = None
        self._server: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def prepare(self, environ: Mapping[str, str], imported: Sequence[str] = ()) -> None:
        """Start the fork server, which imports while others do something else."""
        with self._guard:
            if self._control is None:
                self._server, self._control = _fork_server(environ, (*IMPORTED, *imported))

    def close(self) -> None:
        """End all processes; it takes a few milliseconds."""
        with self._guard:
            if self._control is not None and self._server is not None:
                self._control.close()
                self._control = None
                with suppress(subprocess.TimeoutExpired):
                    self._server.wait(GRACE)

    def start(
        self, request: Message, environ: Mapping[str, str], write: Callable[[str], object]
    ) -> Process:
        """A process that does what is asked; what it prints is given to `write`."""
        self.prepare(environ)
        word = SPAWN if request.get("spawn") else FORK
        mine, its = socket.socketpair()
        output, log = os.pipe()
        try:
            self._send(word, its.fileno(), log)
        except OSError:
            # The fork server was killed: whatever did that may not be there any more.
            with self._guard:
                self._control = None
            self.prepare(environ)
            self._send(word, its.fileno(), log)
        its.close()
        os.close(log)
        mine.sendall(json.dumps(request).encode() + b"\n")
        return Process(mine, output, write)

    def _send(self, word: bytes, channel: int, log: int) -> None:
        with self._guard:
            assert self._control is not None  # noqa: S101 - prepared before
            socket.send_fds(self._control, [word], [channel, log])


PROCESSES = Processes()
"""Those of this process: tests and nested runs share what was imported."""


def _fork_server(
    environ: Mapping[str, str], imported: Sequence[str]
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    mine, its = socket.socketpair()
    number = its.fileno()
    command = [sys.executable, "-m", "bundlerun.workers.fork_server", str(number), *imported]
    path = os.pathsep.join(dict.fromkeys(one for one in sys.path if one))
    server = subprocess.Popen(  # noqa: S603 - it is this package
        command,
        env={**environ, **QUIET, "PYTHONPATH": path},
        pass_fds=[number],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    its.close()
    return server, mine

"""A process that only imports, and forks one for each task: `python -m` with a socket's number.

It opens no connection and starts no thread, so that what it forks is as good as new. Where an
import has started a thread, or the system forks badly, a task gets a fresh interpreter instead.
When the process that asks is gone, all tasks are ended.
"""

import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

FORK, SPAWN = b"f", b"s"
"""The words that ask for a process: one with all imports, or a fresh interpreter."""
_SET_CHILD_SUBREAPER = 36


class ForkServer:
    """Forks a process for every pair of channel and log that comes over the socket."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._channels: dict[int, socket.socket] = {}
        self._woken, wakeup = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._can_fork = (
            sys.platform == "linux" and len(list(Path("/proc/self/task").iterdir())) == 1
        )

    def serve(self) -> None:
        """Serve until the other end of the socket is closed."""
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._woken], [], [])
            if self._woken in ready:
                with suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                self._reap()
            if self._control.fileno() in ready and not self._start():
                break
        for pid in descendants(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while True:
                os.wait()

    def _start(self) -> bool:
        word, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        if not word:
            return False
        channel, log = socket.socket(fileno=descriptors[0]), descriptors[1]
        is_forked = self._can_fork and word == FORK
        pid = self._forked(channel, log) if is_forked else _spawned(channel, log)
        os.close(log)
        self._channels[pid] = channel
        return True

    def _forked(self, channel: socket.socket, log: int) -> int:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            for other in self._channels.values():
                other.close()
            from bundlerun.workers.worker import work

            work(channel, log)
        return pid

    def _reap(self) -> None:
        """Tell how the processes ended that have."""
        while self._channels:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            channel = self._channels.pop(pid, None)
            if channel is not None:
                with suppress(OSError), channel:
                    code = os.waitstatus_to_exitcode(status)
                    channel.sendall(f'{{"exit": {code}}}\n'.encode())


def _spawned(channel: socket.socket, log: int) -> int:
    numbers = (channel.fileno(), log)
    command = [sys.executable, "-m", "bundlerun.workers.worker", *map(str, numbers)]
    return subprocess.Popen(command, pass_fds=numbers).pid  # noqa: S603 - it is this package


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have, where /proc tells."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            parent = file.read_text(errors="replace").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(file.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, ())
    return found[1:]


def main() -> None:
    """Import what tasks need, then serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # What a task leaves behind becomes a child of this process, and ends with it.
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1)
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in sys.argv[2:]:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    ForkServer(control).serve()


if __name__ == "__main__":
    main()

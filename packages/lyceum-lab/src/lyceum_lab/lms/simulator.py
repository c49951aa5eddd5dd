"""Running the simulated LMS: in a thread for tests, or in the foreground for the command line."""

import asyncio
import gc
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from lyceum.errors import LyceumError
from lyceum_lab.lms.config import SimulatorConfig
from lyceum_lab.lms.faults import Fault
from lyceum_lab.lms.model import Lms
from lyceum_lab.lms.service import Service

HOST = "127.0.0.1"
BACKLOG = 1024
SHUTDOWN_SECONDS = 0.05
START_SECONDS = 30.0

OnReady = Callable[[str], None]


class SimulatorStartError(LyceumError):
    """The simulator cannot listen on the port it was given."""


class Simulator:
    """A simulated LMS on a thread of its own, from `with` to its end.

    A port of 0 takes a free one, kept over `stop` and `start`.
    """

    def __init__(
        self, config: SimulatorConfig | None = None, *, lms: Lms | None = None, port: int = 0
    ) -> None:
        self.config = config or SimulatorConfig()
        self._service = Service(self.config, lms)
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._failure: SimulatorStartError | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{HOST}:{self._port}"

    @property
    def lms(self) -> Lms:
        """The model that is served; it may be changed, and replaced, while it is."""
        return self._service.lms

    @lms.setter
    def lms(self, lms: Lms) -> None:
        self._service.lms = lms

    def stats(self) -> dict[str, Any]:
        """The same as `GET /_stats`."""
        return self._service.ledger.stats()

    def reset_stats(self) -> None:
        """The same as `POST /_stats/reset`: attempts start again from 1, too."""
        self._service.reset()

    def script(self, event_id: str, *faults: Fault | str | None) -> None:
        """Give the first calls for one event's details these faults (None: a good answer)."""
        self._service.plan.script("details", event_id, [_fault(name) for name in faults])

    def script_page(self, page: int, *faults: Fault | str | None) -> None:
        """Give the first calls for one page of events these faults (None: a good answer)."""
        self._service.plan.script("events", str(page), [_fault(name) for name in faults])

    def expire_tokens(self) -> None:
        """Make every token given out so far invalid."""
        self._service.tokens.expire_all()

    def start(self) -> None:
        """Begin to serve; raises SimulatorStartError."""
        self._started.clear()
        self._thread = threading.Thread(target=self._run, name="lms-simulator", daemon=True)
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            raise SimulatorStartError(f"The LMS simulator did not start in {START_SECONDS:.0f} s.")
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """End all calls and close the port; what was counted stays."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()
        self._loop = self._stop = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except SimulatorStartError as error:
            self._failure = error
            self._started.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await _listen(self._service, self._port, self._ready, self._stop)

    def _ready(self, url: str) -> None:
        self._port = int(url.rpartition(":")[2])
        self._started.set()


def serve(config: SimulatorConfig, port: int = 0, *, on_ready: OnReady) -> None:
    """Serve in the foreground until Ctrl-C or SIGTERM; raises SimulatorStartError.

    `on_ready` is called once with the base URL, when the first call can be made.
    """
    with suppress(KeyboardInterrupt):
        service = Service(config)
        # The content stays for good: the collector need not look at it again and again.
        gc.freeze()
        asyncio.run(_foreground(service, port, on_ready))


async def _foreground(service: Service, port: int, on_ready: OnReady) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, stop.set)
    await _listen(service, port, on_ready, stop)


async def _listen(service: Service, port: int, on_ready: OnReady, stop: asyncio.Event) -> None:
    server = web.Server(service.handle, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await _bind(runner, port)
        on_ready(f"http://{HOST}:{runner.addresses[0][1]}")
        await stop.wait()
    finally:
        await runner.cleanup()


async def _bind(runner: web.ServerRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, HOST, port, backlog=BACKLOG).start()
    except OSError as error:
        raise SimulatorStartError(
            f"The LMS simulator cannot listen on {HOST}:{port} ({error.strerror}); "
            "choose another port, or 0 for a free one."
        ) from error


def _fault(name: Fault | str | None) -> Fault | None:
    return None if name is None else Fault(name)

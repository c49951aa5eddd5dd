"""An asyncio event loop on which hours pass in no time: sleeping moves the clock."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK = 1e-9


class StuckError(AssertionError):
    """The program under test waits for something that never comes, or goes round for ever."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in order and, when there are none, jumps to the next timer."""

    def __init__(self, *, max_rounds: int = 1_000_000) -> None:
        super().__init__()
        self._selector = self
        self._seconds = 0.0
        self._rounds_left = max_rounds

    def time(self) -> float:
        return self._seconds

    def select(self, timeout: float | None) -> list[object]:
        """What a selector does, without the wait: let `timeout` pass."""
        self._rounds_left -= 1
        if timeout is None or self._rounds_left < 0:
            raise StuckError("nothing left to wait for" if timeout is None else "endless rounds")
        # Like a real clock, this one never stands still: two looks at it differ.
        self._seconds += max(timeout, TICK)
        return []

    def now(self) -> datetime:
        """The time of day on this clock."""
        return START + timedelta(seconds=self._seconds)

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: Any) -> Any:  # noqa: ARG002
        """What another thread would do, done at once: real time does not pass here."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the caller's to raise
            future.set_exception(error)
        return future

    def _process_events(self, event_list: list[object]) -> None:
        """There are no sockets here."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector here."""


def run_virtual(main: Coroutine[Any, Any, T], *, within: float, loop: VirtualLoop) -> T:
    """The result of `main`, which must come within that many virtual seconds."""

    async def bounded() -> T:
        async with asyncio.timeout(within):
            return await main

    try:
        return loop.run_until_complete(bounded())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

"""A token bucket that never lets a second hold more than its share, and that can be paused."""

import asyncio
import math
import mmap
import time
from array import array
from collections.abc import Callable, MutableSequence
from contextlib import nullcontext
from pathlib import Path

from filelock import FileLock

# Grants are spread over a little more than the second, so that calls which the network bunches
# together still arrive within the rate.
SLACK = 1.025
# How late a waiter may wake without losing its turn; also the longest burst, in seconds of rate.
BURST_SECONDS = 0.05

_NEXT_AT, _PAUSED_UNTIL, _OLDEST, _GRANTS = range(4)
"""Places in a bucket: when it would be empty, the pause, the oldest grant, the ring of grants."""


class RateLimiter:
    """At most `rate` grants in every half-open second; None limits nothing.

    A rate below 1 means one grant every `1 / rate` seconds; a fraction above 1 is cut off,
    because a second cannot hold 2.5 calls. The bucket is kept as the time at which it would be
    empty (GCRA), beside the times of its last grants. Processes of one machine that name the same
    `shared` file have one bucket. aiolimiter has the bucket only: a full one gives up to twice the
    rate in its first second, and it can be neither paused nor shared.
    """

    def __init__(
        self,
        rate: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        shared: Path | None = None,
    ) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._limited = rate is not None
        per_window = max(1, math.floor(rate)) if rate else 1
        self._window = SLACK * per_window / min(rate, per_window) if rate else 0.0
        self._interval = self._window / per_window
        empty = [clock() + BURST_SECONDS, -math.inf, 0.0, *[-math.inf] * per_window]
        # Processes take turns with a file; one process has the numbers to itself.
        self._alone = FileLock(f"{shared}.lock", poll_interval=0.001) if shared else nullcontext()
        with self._alone:
            self._state = _mapped(shared, empty) if shared else empty

    def pause(self, seconds: float) -> None:
        """Grant nothing for so long; a longer pause that is already on stays."""
        with self._alone:
            until = self._clock() + seconds
            self._state[_PAUSED_UNTIL] = max(self._state[_PAUSED_UNTIL], until)

    async def acquire(self) -> None:
        """Wait for the next grant, first come, first served."""
        if not self._limited:
            await self._sleep_while(self._rest_of_pause)
            return
        async with self._turn:
            await self._sleep_while(self._granted_in)

    async def _sleep_while(self, delay_left: Callable[[], float]) -> None:
        # A pause may grow while it is slept through.
        while (delay := delay_left()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(delay)

    def _rest_of_pause(self) -> float:
        with self._alone:
            return self._state[_PAUSED_UNTIL] - self._clock()

    def _granted_in(self) -> float:
        """Seconds to wait before asking again; 0 if the grant is given."""
        state = self._state
        with self._alone:
            now, oldest = self._clock(), _GRANTS + int(state[_OLDEST])
            burst_at = state[_NEXT_AT] - BURST_SECONDS
            free_at = max(burst_at, state[oldest] + self._window, state[_PAUSED_UNTIL])
            if free_at > now:
                return free_at - now
            state[oldest] = now
            state[_OLDEST] = (oldest - _GRANTS + 1) % (len(state) - _GRANTS)
            state[_NEXT_AT] = max(state[_NEXT_AT], now) + self._interval
            return 0.0


def _mapped(file: Path, empty: list[float]) -> MutableSequence[float]:
    """The file's numbers; the first process to come makes it."""
    if not file.exists():
        file.write_bytes(memoryview(array("d", empty)).cast("B"))
    with file.open("r+b") as opened:
        return memoryview(mmap.mmap(opened.fileno(), 0)).cast("d")  # type: ignore[return-value]

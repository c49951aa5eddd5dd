"""A token bucket that never lets a second hold more than its share, and that can be paused."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable

# Grants are spread over a little more than the second, so that calls which the network bunches
# together still arrive within the rate.
SLACK = 1.025
# How late a waiter may wake without losing its turn; also the longest burst, in seconds of rate.
BURST_SECONDS = 0.05


class RateLimiter:
    """At most `rate` grants in every half-open second; None limits nothing.

    A rate below 1 means one grant every `1 / rate` seconds; a fraction above 1 is cut off,
    because a second cannot hold 2.5 calls. The bucket is kept as the time at which it would be
    empty (GCRA), beside the times of its last grants. aiolimiter has the bucket only: a full one
    gives up to twice the rate in its first second, and it cannot be paused.
    """

    def __init__(self, rate: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._is_limited = rate is not None
        per_window = max(1, math.floor(rate)) if rate else 1
        self._window = SLACK * per_window / min(rate, per_window) if rate else 0.0
        self._interval = self._window / per_window
        self._empty_at = clock() + BURST_SECONDS
        self._paused_until = -math.inf
        self._grants = deque([-math.inf] * per_window, maxlen=per_window)

    def pause(self, seconds: float) -> None:
        """Grant nothing for so long; a longer pause that is already on stays."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    async def acquire(self) -> None:
        """Wait for the next grant, first come, first served."""
        if not self._is_limited:
            await self._sleep_while(lambda: self._paused_until - self._clock())
            return
        async with self._turn:
            await self._sleep_while(self._granted_in)

    async def _sleep_while(self, delay_left: Callable[[], float]) -> None:
        # A pause may grow while it is slept through.
        while (delay := delay_left()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(delay)

    def _granted_in(self) -> float:
        """Seconds to wait before asking again; 0 if the grant is given."""
        now = self._clock()
        burst_at = self._empty_at - BURST_SECONDS
        free_at = max(burst_at, self._grants[0] + self._window, self._paused_until)
        if free_at > now:
            return free_at - now
        self._grants.append(now)
        self._empty_at = max(self._empty_at, now) + self._interval
        return 0.0

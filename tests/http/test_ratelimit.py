"""The token bucket: never above the rate in any second, and hardly below it."""

import asyncio
import itertools
import math
import time

import pytest

from lyceum.http.rate_limit import RateLimiter
from virtual_time import VirtualLoop, run_virtual


def grants(
    rate: float | None, count: int, *, lateness: float = 0.0, pause: float = 0.0
) -> list[float]:
    """When `count` waiting calls were granted; timers wake up to `lateness` too late."""
    loop = VirtualLoop()

    async def main() -> list[float]:
        limiter = RateLimiter(rate, clock=loop.time)
        times: list[float] = []

        async def worker() -> None:
            while len(times) < count:
                await limiter.acquire()
                times.append(loop.time())
                if lateness and len(times) % 7 == 0:
                    loop._seconds += lateness  # a stall of the whole process

        if pause:
            limiter.pause(pause)
        await asyncio.gather(*(worker() for _ in range(8)))
        return times[:count]

    return run_virtual(main(), within=1e6, loop=loop)


@pytest.mark.parametrize("lateness", [0.0, 0.002, 0.3])
@pytest.mark.parametrize("rate", [1, 2, 2.5, 7, 49.9, 50, 200, 1000])
def test_no_half_open_second_holds_more_than_the_rate(rate, lateness):
    """Any `rate` + 1 grants in a row span a second or more, also after the process stalled."""
    times = grants(rate, 2000, lateness=lateness)
    n = math.floor(rate)
    assert all(later - earlier >= 1.0 for earlier, later in zip(times, times[n:], strict=False))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_below_one_a_second_the_grants_are_that_far_apart(rate):
    """At 0.5/s two seconds."""
    times = grants(rate, 20)
    assert min(b - a for a, b in itertools.pairwise(times)) >= 1 / rate


@pytest.mark.parametrize("rate", [0.5, 1, 7, 50, 200, 1000])
def test_the_rate_is_used_to_more_than_95_percent(rate):
    """Over 2,000 grants, with timers that wake 2 ms late every seventh time."""
    times = grants(rate, 2000, lateness=0.002)
    assert 1999 / (times[-1] - times[0]) > 0.95 * rate


def test_there_is_no_burst_at_the_start():
    """The first 50 ms of 200/s hold no more than their share."""
    times = grants(200, 50)
    assert sum(t - times[0] < 0.05 for t in times) <= 10


def test_nothing_is_granted_during_a_pause():
    """With a rate and without one."""
    assert grants(50, 3, pause=30.0)[0] >= 30.0
    assert grants(None, 3, pause=30.0)[0] >= 30.0


def test_no_rate_means_no_wait():
    """10,000 grants at once."""
    assert grants(None, 10_000)[-1] < 0.001


def test_real_timers_never_pass_200_a_second():
    """Two seconds of real time; how much of the rate is used, virtual clocks show above."""

    async def main() -> list[float]:
        limiter = RateLimiter(200)
        times: list[float] = []
        while len(times) < 400:
            await limiter.acquire()
            times.append(time.monotonic())
        return times

    times = asyncio.run(main())
    assert all(later - earlier >= 1.0 for earlier, later in zip(times, times[200:], strict=False))

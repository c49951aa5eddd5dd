"""Which faults are tried again, how often, and after how long."""

import asyncio
import itertools
import random
from datetime import UTC, datetime

import pytest

from lyceum.http.retry import (
    HttpCallError,
    StaleTokenError,
    call_with_retries,
    is_transient_status,
    retry_after_seconds,
    status_fault,
)
from lyceum.runs.retry import RetryPolicy
from virtual_time import VirtualLoop, run_virtual

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 599])
def test_these_statuses_may_pass(status):
    """408, 425, 429 and every 5xx."""
    assert is_transient_status(status)


@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 409, 410, 422, 451])
def test_these_statuses_stay(status):
    """Every other 4xx, and redirects."""
    assert not is_transient_status(status)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Thu, 01 Jan 2026 12:01:30 GMT", 90.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Thursday, 01-Jan-26 12:00:05 GMT", 5.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(value, seconds):
    """A number of seconds, or an HTTP date, past ones as no wait; anything else as absent."""
    assert retry_after_seconds(value, now=NOW) == seconds


def test_a_retry_after_beyond_the_policy_is_permanent():
    """301 s where 300 s are allowed."""
    fault = status_fault("GET /x", 429, retry_after=301.0, policy=RetryPolicy(max_retry_after=300))
    assert (fault.kind, fault.is_transient) == ("retry_after_too_long", False)
    assert str(fault) == "GET /x: HTTP 429 asks to wait 301 s, more than the 300 s allowed"


def calls_until(
    *faults: HttpCallError, max_retries: int
) -> tuple[list[float], HttpCallError | str]:
    """When the calls were made, in virtual seconds, and how it ended; `faults` come first."""
    loop = VirtualLoop()
    times: list[float] = []
    left = list(faults)

    async def call() -> str:
        times.append(loop.time())
        if left:
            raise left.pop(0)
        return "good"

    policy = RetryPolicy(max_retries=max_retries, backoff_base=1.0, backoff_cap=8.0)
    random.seed(1)
    try:
        return times, run_virtual(call_with_retries(call, policy), within=1e6, loop=loop)
    except HttpCallError as error:
        return times, error


def fault(kind: str = "http_503", status: int | None = 503, **fields: float) -> HttpCallError:
    return HttpCallError(kind, kind, status=status, **fields)  # type: ignore[arg-type]


def test_the_last_fault_is_raised_when_the_tries_are_used_up():
    """Two retries: three calls."""
    last = fault("timeout", None)
    times, end = calls_until(fault(), fault(), last, max_retries=2)
    assert (len(times), end) == (3, last)


def test_no_retry_means_one_call():
    """`max_retries` 0."""
    times, _ = calls_until(fault(), max_retries=0)
    assert len(times) == 1


def test_a_permanent_fault_is_not_tried_again():
    """A 404."""
    times, end = calls_until(fault("http_404", 404), max_retries=5)
    assert (len(times), str(end)) == (1, "http_404")


def test_a_permanent_fault_ends_the_retries():
    """A 503, then a 404: two calls."""
    times, end = calls_until(fault(), fault("http_404", 404), max_retries=5)
    assert (len(times), str(end)) == (2, "http_404")


def test_the_backoff_has_full_jitter_under_a_growing_cap():
    """Waits lie between 0 and 1, 2, 4, 8, 8 s, and are spread over that."""
    waits: list[list[float]] = [[] for _ in range(5)]
    policy = RetryPolicy(max_retries=5, backoff_base=1.0, backoff_cap=8.0)
    random.seed(7)
    for _ in range(200):
        loop = VirtualLoop()
        times: list[float] = []

        async def call(loop: VirtualLoop = loop, times: list[float] = times) -> None:
            times.append(loop.time())
            raise fault()

        with pytest.raises(HttpCallError, match="http_503"):
            run_virtual(call_with_retries(call, policy), within=1e6, loop=loop)
        for n, (before, after) in enumerate(itertools.pairwise(times)):
            waits[n].append(after - before)
    for bound, seen in zip((1, 2, 4, 8, 8), waits, strict=True):
        assert max(seen) <= bound + 1e-6
        assert min(seen) < 0.1 * bound
        assert 0.4 * bound < sum(seen) / len(seen) < 0.6 * bound


def test_retry_after_is_the_least_wait():
    """30 s asked for, however short the jitter."""
    times, end = calls_until(fault(retry_after=30.0), max_retries=1)
    assert end == "good"
    assert times[1] - times[0] == pytest.approx(30.0, abs=0.01)


def test_a_stale_token_is_tried_again_at_once():
    """No backoff: the server is well."""
    times, end = calls_until(StaleTokenError("unauthorized", "401", status=401), max_retries=1)
    assert end == "good"
    assert times[1] - times[0] < 0.001


def test_concurrent_calls_do_not_mix_their_retries():
    """Each of 50 calls that fail twice is made three times."""
    counts = dict.fromkeys(range(50), 0)

    async def call(n: int) -> int:
        counts[n] += 1
        await asyncio.sleep(0.01)
        if counts[n] < 3:
            raise fault()
        return n

    async def all_calls() -> list[int]:
        policy = RetryPolicy(max_retries=2)
        return await asyncio.gather(
            *(call_with_retries(lambda n=n: call(n), policy) for n in counts)
        )

    assert run_virtual(all_calls(), within=100, loop=VirtualLoop()) == list(range(50))
    assert set(counts.values()) == {3}

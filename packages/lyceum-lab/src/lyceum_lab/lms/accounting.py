"""What the simulator was asked and what it answered."""

import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

WINDOW_SECONDS = 1.0


class RateLimit:
    """At most `limit` calls accepted in any one-second window; refused calls do not count."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._accepted: deque[float] = deque()

    def accepts(self, now: float) -> bool:
        """Whether a call that arrives now is within the limit; if so, it is counted."""
        if self._limit is None:
            return True
        while self._accepted and now - self._accepted[0] >= WINDOW_SECONDS:
            self._accepted.popleft()
        if len(self._accepted) >= self._limit:
            return False
        self._accepted.append(now)
        return True


class Ledger:
    """Counts of one run of calls, since the start or the last reset."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.arrivals = array("d")
        """Seconds since the start, of every call of the API (tokens apart)."""
        self.event_calls: Counter[str] = Counter()
        self.page_calls: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()
        """Complete, good session details sent, by event."""
        self.statuses: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        self.token_calls = 0
        self.rate_limited = 0
        self.redirects_followed = 0
        self.attempts: Counter[tuple[str, str]] = Counter()

    def attempt(self, scope: str, key: str) -> int:
        """The number of this attempt at a call, from 1; refused calls are not attempts."""
        self.attempts[scope, key] += 1
        return self.attempts[scope, key]

    def stats(self) -> dict[str, Any]:
        """Everything counted, ready for JSON."""
        arrivals = self.arrivals.tolist()
        return {
            "calls": len(arrivals),
            "max_calls_in_one_second": most_in_one_second(arrivals),
            "events": dict(self.event_calls),
            "pages": dict(self.page_calls),
            "delivered": dict(self.delivered),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "faults": dict(self.faults),
            "token_calls": self.token_calls,
            "rate_limited": self.rate_limited,
            "redirects_followed": self.redirects_followed,
            "arrivals": [round(arrival, 6) for arrival in arrivals],
        }


def most_in_one_second(arrivals: Sequence[float]) -> int:
    """The most of the ascending times that lie within any one second.

    >>> most_in_one_second([0.0, 0.5, 0.9, 1.0, 1.4])
    4
    """
    first = most = 0
    for last, arrival in enumerate(arrivals):
        while arrival - arrivals[first] >= WINDOW_SECONDS:
            first += 1
        most = max(most, last - first + 1)
    return most

"""A circuit breaker: stop calling a server that fails most calls, try it again now and then."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class BreakerPolicy:
    """When the circuit opens and how it is tried again; times are seconds."""

    window: int = 50
    threshold: float = 0.8
    reset: float = 30.0
    max_probes: int = 5


class CircuitBreaker:
    """Admits calls and learns from their outcomes; a state machine without any waiting."""

    def __init__(self, policy: BreakerPolicy, *, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._phase: Phase = "closed"
        self._outcomes: deque[bool] = deque(maxlen=policy.window)
        self._opened_at = 0.0
        self._failed_probes = 0
        self._generation = 0

    @property
    def phase(self) -> Phase:
        """Whether calls pass (closed), wait (open), or wait for one probe (half_open)."""
        return self._phase

    @property
    def has_given_up(self) -> bool:
        """True when so many probes in a row have failed that no call is admitted any more."""
        return self._phase == "open" and self._failed_probes >= self._policy.max_probes

    @property
    def delay(self) -> float | None:
        """Seconds until a call may be admitted; None when that depends on the probe under way."""
        if self._phase == "half_open" or self.has_given_up:
            return None
        if self._phase == "closed":
            return 0.0
        return max(0.0, self._opened_at + self._policy.reset - self._clock())

    def admit(self) -> int | None:
        """A ticket for one call, to be given to `record` or `abandon`; None while none may go."""
        if self._phase == "open" and self.delay == 0:
            self._enter("half_open")
            return self._generation
        return self._generation if self._phase == "closed" else None

    def is_current(self, ticket: int) -> bool:
        """False when the circuit has changed since the ticket was given: do not call on it."""
        return ticket == self._generation

    def record(self, ticket: int, *, ok: bool) -> None:
        """Note how a call ended; calls from before the latest change of phase do not count."""
        if not self.is_current(ticket):
            return
        if self._phase == "half_open":
            self._end_probe(ok=ok)
        else:
            self._note(ok=ok)

    def abandon(self, ticket: int) -> None:
        """Note that a call ended without telling anything, so that another may be the probe."""
        if self.is_current(ticket) and self._phase == "half_open":
            self._enter("open")

    def _end_probe(self, *, ok: bool) -> None:
        if ok:
            self._outcomes.clear()
            self._failed_probes = 0
            self._enter("closed")
        else:
            self._failed_probes += 1
            self._open()

    def _note(self, *, ok: bool) -> None:
        self._outcomes.append(ok)
        if ok or len(self._outcomes) < self._policy.window:
            return
        if self._outcomes.count(False) >= math.ceil(self._policy.threshold * self._policy.window):
            self._open()

    def _open(self) -> None:
        self._opened_at = self._clock()
        self._enter("open")

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._generation += 1

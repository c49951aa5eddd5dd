"""A circuit breaker: stop calling a server that fails most calls, try it again now and then."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

Phase = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class BreakerPolicy:
    """When the circuit opens and how it is tried again; times are seconds."""

    window: int = 50
    threshold: float = 0.8
    reset: float = 30.0
    max_probes: int = 5


@dataclass(frozen=True)
class BreakerState:
    """All that a breaker remembers; plain values, so that it can be stored and restored."""

    phase: Phase = "closed"
    outcomes: tuple[bool, ...] = ()
    opened_at: float = 0.0
    failed_probes: int = 0


class CircuitBreaker:
    """Admits calls and learns from their outcomes; a state machine without any waiting.

    Restoring a state in another process needs a clock that both share, such as `time.time`.
    """

    def __init__(
        self,
        policy: BreakerPolicy,
        *,
        clock: Callable[[], float],
        state: BreakerState | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._state = state or BreakerState()
        self._outcomes = deque(self._state.outcomes)
        self._failures = self._outcomes.count(False)
        self._generation = 0
        if self._state.phase == "half_open":
            # The probe died with the process that made it.
            self._enter("open")

    @property
    def state(self) -> BreakerState:
        """The state to store."""
        return replace(self._state, outcomes=tuple(self._outcomes))

    @property
    def phase(self) -> Phase:
        """Whether calls pass (closed), wait (open), or wait for one probe (half_open)."""
        return self._state.phase

    @property
    def has_given_up(self) -> bool:
        """True when so many probes in a row have failed that no call is admitted any more."""
        return self.phase == "open" and self._state.failed_probes >= self._policy.max_probes

    @property
    def delay(self) -> float | None:
        """Seconds until a call may be admitted; None when that depends on the probe under way."""
        if self.phase == "half_open" or self.has_given_up:
            return None
        if self.phase == "closed":
            return 0.0
        return max(0.0, self._state.opened_at + self._policy.reset - self._clock())

    def admit(self) -> int | None:
        """A ticket for one call, to be given to `record` or `abandon`; None while none may go."""
        if self._state.phase == "open" and self.delay == 0:
            self._enter("half_open")
            return self._generation
        return self._generation if self._state.phase == "closed" else None

    def is_current(self, ticket: int) -> bool:
        """False when the circuit has changed since the ticket was given: do not call on it."""
        return ticket == self._generation

    def record(self, ticket: int, *, ok: bool) -> None:
        """Note how a call ended; calls from before the latest change of phase do not count."""
        if not self.is_current(ticket):
            return
        if self.phase == "half_open":
            self._end_probe(ok=ok)
        else:
            self._note(ok=ok)

    def abandon(self, ticket: int) -> None:
        """Note that a call ended without telling anything, so that another may be the probe."""
        if self.is_current(ticket) and self.phase == "half_open":
            self._enter("open")

    def _end_probe(self, *, ok: bool) -> None:
        if ok:
            self._state = BreakerState()
            self._outcomes, self._failures = deque(), 0
            self._enter("closed")
        else:
            self._open(failed_probes=self._state.failed_probes + 1)

    def _note(self, *, ok: bool) -> None:
        self._outcomes.append(ok)
        self._failures += not ok
        if len(self._outcomes) > self._policy.window:
            self._failures -= not self._outcomes.popleft()
        if ok or len(self._outcomes) < self._policy.window:
            return
        if self._failures >= math.ceil(self._policy.threshold * self._policy.window):
            self._open(failed_probes=0)

    def _open(self, *, failed_probes: int) -> None:
        self._state = replace(self._state, opened_at=self._clock(), failed_probes=failed_probes)
        self._enter("open")

    def _enter(self, phase: Phase) -> None:
        self._state = replace(self._state, phase=phase)
        self._generation += 1

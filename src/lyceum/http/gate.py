"""The breaker as calls meet it: they wait here while the circuit is open."""

import asyncio
import contextlib
import logging

from lyceum.http.breaker import CircuitBreaker
from lyceum.http.retry import HttpCallError

logger = logging.getLogger(__name__)


class BreakerGate:
    """Lets calls through as the breaker admits them, and wakes those who wait when it changes."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._changed = asyncio.Event()
        self._last_fault = "none"

    async def admit(self) -> int:
        """A ticket for one call; raises HttpCallError `circuit_open` if the breaker gave up."""
        while (ticket := self._breaker.admit()) is None:
            if self._breaker.has_given_up:
                message = f"not called, the server kept failing; last fault: {self._last_fault}"
                raise HttpCallError("circuit_open", message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._breaker.delay):
                    await self._changed.wait()
        return ticket

    def is_current(self, ticket: int) -> bool:
        """False when the circuit has changed since the ticket was given."""
        return self._breaker.is_current(ticket)

    def succeed(self, ticket: int) -> None:
        """Note that the server answered as a healthy one does."""
        self._note(ticket, ok=True)

    def fail(self, ticket: int, fault: HttpCallError) -> None:
        """Note a fault; one that says nothing about the server's health counts as success."""
        if fault.is_outage:
            self._last_fault = fault.message
        self._note(ticket, ok=not fault.is_outage)

    def abandon(self, ticket: int) -> None:
        """Note that the call was given up before its outcome was known."""
        self._note(ticket, ok=None)

    def _note(self, ticket: int, *, ok: bool | None) -> None:
        if not self._breaker.is_current(ticket):
            return
        if ok is None:
            self._breaker.abandon(ticket)
        else:
            self._breaker.record(ticket, ok=ok)
        if not self._breaker.is_current(ticket):
            logger.info("circuit %s; last fault: %s", self._breaker.phase, self._last_fault)
            self._changed.set()
            self._changed = asyncio.Event()

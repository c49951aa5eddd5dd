"""Circuits of dependencies, kept in ops: one that is open for a process is open for the next one.

A use of a dependency is a load or a query as a whole, so its circuit changes rarely and a change is
worth a Delta commit; the calls within a use have a breaker of their own, in memory.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.errors import LyceumError, UsageError
from lyceum.ops.breaker import BreakerPolicy, BreakerState, CircuitBreaker
from lyceum.ops.logs import get_logger
from lyceum.ops.reporter import Reporter
from lyceum.ops.transience import is_transient
from lyceum.redaction import redacted
from lyceum.storage import Lakehouse, append
from lyceum.table import Table, View

CIRCUIT_BREAKERS = Table(
    name="ops.circuit_breakers",
    grain="one row per change of a dependency's circuit; circuit_breaker_status has the latest",
    keys=("dependency", "recorded_at"),
    columns="""
        dependency STRING NOT NULL COMMENT 'What is depended on, such as lms',
        phase STRING NOT NULL COMMENT 'closed: uses pass; open: they are refused',
        outcomes STRING NOT NULL COMMENT 'The latest outcomes, oldest first, as JSON',
        opened_at TIMESTAMP COMMENT 'When it opened, UTC; NULL while it is closed',
        failed_probes INT NOT NULL COMMENT 'Uses tried since it opened that failed',
        reason STRING COMMENT 'How the latest use failed; NULL if it did not',
        recorded_at TIMESTAMP NOT NULL COMMENT 'When this was recorded, UTC'
    """,
    cluster_by=(),
)

CIRCUIT_BREAKER_STATUS = View(
    name="ops.circuit_breaker_status",
    comment="the latest state of every circuit",
    base=CIRCUIT_BREAKERS,
    query="""
        SELECT latest.* FROM (
            SELECT max_by(struct(*), recorded_at) AS latest FROM {base} GROUP BY dependency
        )
    """,
)

POLICY = BreakerPolicy(window=3, threshold=1.0, reset=300.0, max_probes=sys.maxsize)
"""Open after three failed uses in a row; one use is tried again every five minutes, for ever."""

_log = get_logger(__name__)


class CircuitOpenError(LyceumError):
    """A dependency failed so often that it is left alone for a while."""


class UnknownCircuitError(UsageError):
    """No circuit of that name is open."""


@contextmanager
def guarded(
    lake: Lakehouse,
    dependency: str,
    *,
    policy: BreakerPolicy = POLICY,
    is_outage: Callable[[BaseException], bool] = is_transient,
    clock: Callable[[], float] = time.time,
) -> Iterator[None]:
    """One use of a dependency, refused with CircuitOpenError while its circuit is open.

    Only errors that `is_outage` tells count against it.
    """
    before = stored_circuit(lake, dependency)
    breaker = CircuitBreaker(policy, clock=clock, state=before)
    ticket = breaker.admit()
    if ticket is None:
        raise CircuitOpenError(_refusal(dependency, breaker.delay or 0.0))
    try:
        yield
    except Exception as error:
        if is_outage(error):
            breaker.record(ticket, ok=False)
            _store(lake, dependency, breaker.state, reason=str(error) or type(error).__name__)
        raise
    breaker.record(ticket, ok=True)
    if before != BreakerState():
        _store(lake, dependency, breaker.state, reason=None)


def show_circuits(lake: Lakehouse, reporter: Reporter) -> None:
    """Every circuit that ever opened or counted a failure, with how its latest use failed."""
    columns = ["dependency", "phase", "opened_at", "failed_probes", "reason"]
    rows = lake.view(CIRCUIT_BREAKER_STATUS).select(columns).orderBy("dependency").collect()
    if rows:
        reporter.table("Circuits", columns, rows)
    else:
        reporter.say("No use of a dependency has failed: all circuits are closed")


def close_circuit(lake: Lakehouse, dependency: str) -> None:
    """Let the next use pass; raises UnknownCircuitError if no use ever failed."""
    if stored_circuit(lake, dependency) == BreakerState():
        known = lake.view(CIRCUIT_BREAKER_STATUS).where("phase = 'open'").collect()
        names = ", ".join(sorted(row.dependency for row in known)) or "none is open"
        message = f"expected a dependency whose circuit is open, found {dependency!r}: {names}"
        raise UnknownCircuitError(message)
    _store(lake, dependency, BreakerState(), reason=None)


def stored_circuit(lake: Lakehouse, dependency: str) -> BreakerState:
    """The circuit as the last use left it; one that was never used is closed."""
    if lake.is_untouched(CIRCUIT_BREAKERS):
        return BreakerState()
    events = lake.read(CIRCUIT_BREAKERS).where(F.col("dependency") == dependency)
    last = events.orderBy(F.desc("recorded_at")).limit(1).collect()
    if not last:
        return BreakerState()
    row = last[0]
    opened_at = row.opened_at.timestamp() if row.opened_at else 0.0
    return BreakerState(row.phase, tuple(json.loads(row.outcomes)), opened_at, row.failed_probes)


def _store(lake: Lakehouse, dependency: str, state: BreakerState, *, reason: str | None) -> None:
    is_open = state.phase == "open"
    row = (
        dependency,
        state.phase,
        json.dumps(state.outcomes),
        datetime.fromtimestamp(state.opened_at, UTC) if is_open else None,
        state.failed_probes,
        redacted(reason),
        datetime.now(UTC),
    )
    append(lake, CIRCUIT_BREAKERS, lake.spark.createDataFrame([row], CIRCUIT_BREAKERS.columns))
    level = _log.warning if is_open else _log.info
    level("circuit recorded", dependency=dependency, phase=state.phase, reason=reason)


def _refusal(dependency: str, delay: float) -> str:
    return (
        f"expected {dependency} to answer, found its circuit open after failures in a row: it is "
        f"tried again in {delay:.0f} s, or at once after `lyceum ops circuits --close "
        f"'{dependency}'`"
    )

"""The service `lyceum stream run`: batch after batch, until it is told to end.

SIGTERM and Ctrl-C let the batch under way be finished. A process that is killed instead is taken up
by the next one where the tables stand.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from threading import Event

from pyarrow import compute

from lyceum.lakehouse import Lakehouse
from lyceum.runs.logs import append_logs, get_logger
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run, reason
from lyceum.systems.stream.job import (
    JOB,
    Done,
    begin_at,
    keep_lost,
    process,
    take_up,
)
from lyceum.systems.stream.progress import Progress
from lyceum.systems.stream.service.monitor import Monitor
from lyceum.systems.stream.settings import ServiceSettings
from lyceum.systems.stream.source.broker import BrokerSource
from lyceum.systems.stream.source.files import FileSource
from lyceum.systems.stream.source.messages import Batch

_ONCE_SECONDS = 2.0
_LOGS_EVERY = 100
_log = get_logger(__name__)


def work(
    lake: Lakehouse,
    source: BrokerSource | FileSource,
    settings: ServiceSettings,
    reporter: Reporter,
    *,
    monitor: Monitor,
    stop: Event,
    once: bool,
) -> None:
    """Process what comes until `stop` is set; with `once` what is there now."""
    seconds = min(_ONCE_SECONDS, settings.flush_interval_seconds) if once else None
    with _noted(monitor), Run.of(lake, JOB, {"once": once}, reporter=reporter) as run:
        progress = Progress.of(run)
        total = take_up(run, progress)
        begin_at(run, progress, source.begin(progress.positions))
        monitor.is_ready = True
        goal = source.ends() if once and isinstance(source, BrokerSource) else None
        number = 0
        while not stop.is_set():
            batch = source.batch(
                progress.positions,
                most=settings.batch_size,
                seconds=seconds or settings.flush_interval_seconds,
            )
            _keep_lost(run, source, monitor)
            if batch is not None:
                total += _processed(run, progress, batch, settings, monitor)
                number += 1
            source.publish(progress.positions)
            monitor.lag(source.lag(progress.positions), is_idle=batch is None)
            if once and (batch is None if goal is None else _has_reached(progress, goal)):
                break
            if number and number % _LOGS_EVERY == 0:
                append_logs(lake)
    reporter.result("Learner stream", asdict(total))


@contextmanager
def stopped_by_signals(stop: Event) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C set the event inside the block."""

    def told(number: int, _frame: object) -> None:
        _log.info("told to end", signal=signal.Signals(number).name)
        stop.set()

    before = {one: signal.signal(one, told) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _processed(
    run: Run, progress: Progress, batch: Batch, settings: ServiceSettings, monitor: Monitor
) -> Done:
    began = time.monotonic()
    done = process(run, progress, batch, codec=settings.parquet_compression)
    oldest = compute.min(batch.messages["timestamp"]).as_py()
    latency = (datetime.now(UTC) - oldest).total_seconds() if oldest else None
    monitor.batch_done(done, seconds=time.monotonic() - began, latency=latency)
    return done


def _keep_lost(run: Run, source: BrokerSource | FileSource, monitor: Monitor) -> None:
    """Offsets that are gone before they were read: in the quarantine, the log and the figures."""
    if isinstance(source, BrokerSource) and source.lost:
        keep_lost(run, source.lost)
        monitor.lost(sum(one.until - one.first for one in source.lost))
        source.lost.clear()


def _has_reached(progress: Progress, goal: dict[tuple[str, int], int]) -> bool:
    return all(progress.positions.get(place, 0) >= end for place, end in goal.items())


@contextmanager
def _noted(monitor: Monitor) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        monitor.failure = f"the service has ended: {reason(error)}"
        raise

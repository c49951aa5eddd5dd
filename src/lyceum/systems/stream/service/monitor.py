"""What is to be seen of the service from outside: figures, health, readiness."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lyceum.systems.stream.job import Done
from lyceum.systems.stream.source.messages import Slice

_INTERVALS = 3
_LOOKS = 5
_FEW_MESSAGES = 1_000
_SECONDS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 900)


@dataclass
class Monitor:
    """The figures of a service; written by its loop, read by its server."""

    interval: float
    highest_rejected: float
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    is_ready: bool = False
    failure: str | None = None
    _progressed: float = field(default_factory=time.monotonic)
    _lags: deque[int] = field(default_factory=lambda: deque(maxlen=_LOOKS))
    _recent: deque[Done] = field(default_factory=lambda: deque(maxlen=_LOOKS))
    _guard: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        def counter(name: str, said: str) -> Counter:
            return Counter(f"lyceum_stream_{name}", said, registry=self.registry)

        self._in = counter("messages_in", "Messages received")
        self._out = counter("events_out", "Events added to silver")
        self._rejected = counter("messages_quarantined", "Messages rejected")
        self._duplicates = counter("events_duplicate", "Events that were there")
        self._lost = counter("offsets_lost", "Offsets that retention deleted before they were read")
        self._lag = Gauge(
            "lyceum_stream_lag", "Messages not read", ("partition",), registry=self.registry
        )
        self._success = Gauge(
            "lyceum_stream_last_success_seconds", "Unix time", registry=self.registry
        )
        self._batch = Histogram(
            "lyceum_stream_batch_seconds",
            "Duration of a batch",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._latency = Histogram(
            "lyceum_stream_latency_seconds",
            "From the broker's time of the oldest message of a batch to gold",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def batch_done(self, done: Done, *, seconds: float, latency: float | None) -> None:
        """Count a batch."""
        self._in.inc(done.messages)
        self._out.inc(done.events)
        self._rejected.inc(done.rejected)
        self._duplicates.inc(done.duplicates)
        self._batch.observe(seconds)
        if latency is not None:
            self._latency.observe(max(0.0, latency))
        self._success.set_to_current_time()
        with self._guard:
            self._recent.append(done)
            self._progressed = time.monotonic()

    def lag(self, lags: Mapping[Slice, int] | None, *, is_idle: bool = False) -> None:
        """Note how many messages of each partition are not read; None if nobody answered.

        To be idle is progress where there is nothing to read.
        """
        if lags is None:
            return
        for (topic, partition), lag in lags.items():
            self._lag.labels(f"{topic}/{partition}").set(lag)
        with self._guard:
            self._lags.append(sum(lags.values()))
            if is_idle and not any(lags.values()):
                self._progressed = time.monotonic()
                self._success.set_to_current_time()

    def lost(self, offsets: int) -> None:
        """Count offsets that are gone."""
        self._lost.inc(offsets)

    def problems(self) -> list[str]:
        """Why the service is not healthy; nothing if it is."""
        with self._guard:
            silent = time.monotonic() - self._progressed
            lags, recent = list(self._lags), list(self._recent)
        found = [self.failure] if self.failure else []
        if silent > _INTERVALS * self.interval:
            found.append(f"no progress for {silent:.0f} seconds")
        if len(lags) == _LOOKS and all(a < b for a, b in pairwise(lags)):
            found.append(f"the lag grows: {lags[-1]} messages")
        messages, rejected = sum(d.messages for d in recent), sum(d.rejected for d in recent)
        if messages >= _FEW_MESSAGES and rejected > messages * self.highest_rejected:
            found.append(f"{rejected} of the last {messages} messages were rejected")
        return found

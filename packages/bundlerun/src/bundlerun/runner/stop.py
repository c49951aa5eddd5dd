"""Stopping what runs: a wish that reaches nested runs, and whoever waits."""

import time
from queue import Empty, SimpleQueue
from threading import Event, RLock
from typing import Self

from bundlerun.runner.states import Result

Wakeup = SimpleQueue[object]


class Stop:
    """The wish that something ends, and as what; whoever waits is woken."""

    def __init__(self, parent: "Stop | None" = None) -> None:
        self.event = Event()
        self.result: Result | None = None
        # A signal handler may set it while this thread does.
        self._guard = RLock()
        self._children: list[Stop] = []
        self._waiting: list[Wakeup] = []
        if parent is not None:
            parent.adopt(self)

    def set(self, result: Result) -> None:
        """Wish it; the first wish counts."""
        with self._guard:
            if self.result is not None:
                return
            self.result = result
            self.event.set()
            children, waiting = list(self._children), list(self._waiting)
        for child in children:
            child.set(result)
        for wakeup in waiting:
            wakeup.put(self)

    def wake(self, wakeup: Wakeup) -> None:
        """Put this signal into the queue as soon as it is set."""
        with self._guard:
            self._waiting.append(wakeup)
            is_set = self.result is not None
        if is_set:
            wakeup.put(self)

    def adopt(self, child: Self) -> None:
        """Pass the wish on to another signal."""
        with self._guard:
            self._children.append(child)
            result = self.result
        if result is not None:
            child.set(result)


class Clock:
    """The time, and waiting; tests have one that runs faster."""

    def seconds(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait(self, wakeup: Wakeup, seconds: float | None) -> object:
        """What is put into the queue within the time; None if nothing is."""
        try:
            return wakeup.get(timeout=None if seconds is None else max(seconds, 0))
        except Empty:
            return None

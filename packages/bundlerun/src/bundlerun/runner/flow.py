"""The state machine of a run: which tasks may start, and which end without being run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bundlerun.runner.model import Dependency, Task
from bundlerun.runner.states import Result, edge, run_result, skipped


@dataclass(frozen=True)
class Ended:
    """How a task ended; `outcome` is what a condition came out as."""

    result: Result
    outcome: str | None = None


class Flow:
    """The tasks of a run and how far they are; no threads, no clock, no Spark."""

    def __init__(self, tasks: Iterable[Task], ended: Mapping[str, Ended] | None = None) -> None:
        self.tasks = tuple(tasks)
        self.ended = dict(ended or {})
        self._started = set(self.ended)

    @property
    def is_over(self) -> bool:
        """True when every task has ended."""
        return len(self.ended) == len(self.tasks)

    @property
    def result(self) -> Result:
        """The result of the run, when it is over."""
        return run_result(self.tasks, {key: ended.result for key, ended in self.ended.items()})

    def startable(self) -> tuple[list[Task], list[Task]]:
        """The tasks to start now and the tasks that have just ended without being run."""
        started: list[Task] = []
        skips: list[Task] = []
        while decided := [task for task in self.tasks if self._is_decided(task)]:
            for task in decided:
                self._started.add(task.key)
                result = self._skipped(task)
                if result is None:
                    started.append(task)
                else:
                    self.ended[task.key] = Ended(result)
                    skips.append(task)
        return started, skips

    def end(self, key: str, ended: Ended) -> None:
        """Note how a started task ended."""
        self.ended[key] = ended

    def abandon(self, result: Result) -> list[Task]:
        """End every task that has not started, as `result`."""
        waiting = [task for task in self.tasks if task.key not in self._started]
        for task in waiting:
            self._started.add(task.key)
            self.ended[task.key] = Ended(result)
        return waiting

    def _is_decided(self, task: Task) -> bool:
        return task.key not in self._started and all(k in self.ended for k in task.upstream)

    def _skipped(self, task: Task) -> Result | None:
        if task.is_disabled:
            return Result.DISABLED
        return skipped(task.run_if, [self._edge(d) for d in task.depends_on])

    def _edge(self, dependency: Dependency) -> Result:
        ended = self.ended[dependency.task_key]
        return edge(ended.outcome, dependency.outcome, ended.result)

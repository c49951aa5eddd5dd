"""What a run shares among its tasks, and what a task gets of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore, RLock
from typing import TYPE_CHECKING, Any

from bundlerun.config import Config
from bundlerun.runner.journal import IDS, Listener
from bundlerun.runner.model import Settings, Task
from bundlerun.runner.references import Scope
from bundlerun.runner.states import Result
from bundlerun.runner.stop import Clock, Stop
from bundlerun.runner.task_log import TaskLog

if TYPE_CHECKING:
    from bundlerun.bundle import Bundle
    from bundlerun.runner.engine import Engine
    from bundlerun.runner.executor import JobRun
    from bundlerun.runner.wheels import Wheels
    from bundlerun.workers.processes import Process

TASKS_AT_ONCE = 8


@dataclass(frozen=True)
class Output:
    """How an attempt of a task ended, and what it leaves to later tasks."""

    result: Result = Result.SUCCESS
    outcome: str | None = None
    """What a condition came out as."""
    error: str | None = None
    error_code: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the journal should keep."""


@dataclass
class TaskRun:
    """An attempt under way."""

    run: "JobRun"
    task: Task
    key: str
    """The task's key; within a loop the loop's with the number of the iteration."""
    number: int
    scope: Scope
    stop: Stop
    log: TaskLog
    process: "Process | None" = None
    """Where it runs, if that is a process of its own."""
    id: int = field(default_factory=IDS.next)

    def begin(self, process: "Process") -> None:
        """Let this process be the attempt; one that was stopped before is ended at once."""
        self.process = process
        if self.stop.result is not None:
            process.end()

    def end(self) -> None:
        """End the process of the attempt, if it has one."""
        if self.process is not None:
            self.process.end()

    @property
    def services(self) -> "Services":
        """What the run shares."""
        return self.run.services


Kind = Callable[[TaskRun, Settings], Output]


@dataclass
class Services:
    """What all tasks of a run, and the runs that it starts, have in common."""

    bundle: "Bundle"
    config: Config
    kinds: Mapping[str, Kind]
    wheels: "Wheels"
    engine: "Engine"
    clock: Clock = field(default_factory=Clock)
    listeners: tuple[Listener, ...] = ()
    slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(TASKS_AT_ONCE))
    guard: RLock = field(default_factory=RLock)

    @property
    def runs(self) -> Path:
        """The folder of all runs."""
        return runs_folder(self.config.home)


def runs_folder(home: Path) -> Path:
    """Where the runs of a home are."""
    return home / "runs"

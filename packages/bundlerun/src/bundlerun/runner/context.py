"""What a run shares among its tasks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore, RLock
from typing import TYPE_CHECKING, Any

from bundlerun.config import Config
from bundlerun.runner.journal import Listener
from bundlerun.runner.model import Settings
from bundlerun.runner.output import Output
from bundlerun.runner.record import runs_folder
from bundlerun.runner.stop import Clock

if TYPE_CHECKING:
    from bundlerun.bundle import Bundle
    from bundlerun.runner.engine import Engine
    from bundlerun.runner.wheels import Wheels

TASKS_AT_ONCE = 8


@dataclass
class Services:
    """What all tasks of a run, and the runs that it starts, have in common."""

    bundle: "Bundle"
    config: Config
    kinds: Mapping[str, Callable[[Any, Settings], Output]]
    """What does a kind of task, by an attempt and what is specified for it."""
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

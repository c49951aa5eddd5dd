"""What a run's journal amounts to: its tasks, their attempts, its state."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import filterfalse, islice
from pathlib import Path
from typing import Any

from bundlerun.runner.errors import UnknownRunError
from bundlerun.runner.flow import Ended
from bundlerun.runner.journal import Event, Journal, events, is_alive, run_folders
from bundlerun.runner.references import TaskFacts
from bundlerun.runner.states import SUCCEEDED, Result

DIED = "its process died"


@dataclass
class Attempt:
    """One attempt of a task; number 0 stands for a task that ended without being run."""

    task: str
    number: int
    repair: int
    kind: str = ""
    state: str = "RUNNING"
    started_at: float | None = None
    ended_at: float | None = None
    facts: Event = field(default_factory=dict)

    @property
    def error(self) -> str | None:
        """What went wrong."""
        return self.facts.get("error")

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        if self.started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.started_at


@dataclass
class Part:
    """A run's first execution or one of its repairs."""

    repair: int
    started_at: float
    state: str = "RUNNING"
    ended_at: float | None = None
    error: str | None = None
    is_recorded: bool = False


@dataclass
class RunRecord:
    """A run as its journal tells it."""

    folder: Path
    facts: Event = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def run_id(self) -> str:
        """The run's identifier."""
        return self.folder.name

    @property
    def job(self) -> str:
        """The key of the job in its bundle."""
        return str(self.facts.get("job", ""))

    @property
    def state(self) -> str:
        """The state of the run: a result, or what it is doing."""
        return self.parts[-1].state if self.parts else "PENDING"

    @property
    def is_over(self) -> bool:
        """True when the run has ended."""
        return bool(self.parts) and self.parts[-1].ended_at is not None

    def last(self) -> dict[str, Attempt]:
        """The latest attempt of every task, iterations of loops among them."""
        return {attempt.task: attempt for attempt in self.attempts}

    def succeeded(self) -> dict[str, Attempt]:
        """The latest attempt of every task that needs no other."""
        good = {*SUCCEEDED, Result.EXCLUDED, Result.DISABLED}
        return {key: attempt for key, attempt in self.last().items() if attempt.state in good}

    def take(self, event: Event) -> None:
        """Take an event into account."""
        match event["event"]:
            case "run_started" | "repair_started":
                self.facts = {**self.facts, **event}
                self.parts.append(Part(event.get("repair", 0), event["at"]))
            case "run_state":
                self.parts[-1].state = event["state"]
            case "task_started":
                self.attempts.append(_attempt(event, self.parts[-1].repair))
            case "task_ended":
                self._end(event)
            case "run_ended":
                part = self.parts[-1]
                part.state, part.ended_at = event["state"], event["at"]
                part.error = event.get("error")
            case "recorded":
                self.parts[event["repair"]].is_recorded = True

    def _end(self, event: Event) -> None:
        attempt = next((a for a in reversed(self.attempts) if _is_of(a, event)), None)
        if attempt is None or attempt.ended_at is not None:
            attempt = _attempt(event, self.parts[-1].repair)
            attempt.started_at = None
            self.attempts.append(attempt)
        attempt.state, attempt.ended_at = event["state"], event["at"]
        attempt.facts = {**attempt.facts, **event}


def run_record(folder: Path, told: Iterable[Event] | None = None) -> RunRecord:
    """The record of a run, from its journal."""
    record = RunRecord(folder)
    for event in events(folder) if told is None else told:
        record.take(event)
    return record


def all_runs(runs: Path, *, but: Callable[[Path], bool] = lambda _: False) -> Iterator[RunRecord]:
    """All runs, newest first; those whose process died are ended as they are met."""
    for folder in filterfalse(but, run_folders(runs)):
        record = run_record(folder)
        if record.parts:
            is_dead = not record.is_over and not is_alive(folder)
            yield _buried(record) if is_dead else record


def found_run(runs: Path, name: str) -> RunRecord:
    """The run of that id or the one whose id ends so; for a job's name its last run."""
    if name.isdigit():
        ending = [folder for folder in run_folders(runs) if folder.name.endswith(name)]
        for record in all_runs(runs) if len(ending) == 1 else ():
            if record.folder == ending[0]:
                return record
    else:
        for record in all_runs(runs):
            if record.job == name:
                return record
    latest = islice(all_runs(runs), 5)
    known = ", ".join(f"{r.run_id} ({r.job})" for r in latest) or "there is none"
    message = f"expected the id of a run, found {name!r}: the latest are {known}"
    raise UnknownRunError(message)


def facts_of(attempt: Attempt) -> TaskFacts:
    """What later tasks may ask about an attempt."""
    told = attempt.facts
    facts = {
        "run_id": told.get("task_run_id"),
        "result_state": attempt.state.lower(),
        "error_code": told.get("error_code"),
        "execution_count": attempt.number,
        "notebook_path": told.get("notebook_path", ""),
    }
    return TaskFacts(facts, _mapping(told.get("values")), _mapping(told.get("output")))


def ended_of(attempt: Attempt) -> Ended:
    """How an attempt ended, as the tasks after it see it."""
    return Ended(Result(attempt.state), attempt.facts.get("outcome"))


def json_or_none(value: object) -> str | None:
    """The JSON of a value that is there."""
    return json.dumps(value, default=str, ensure_ascii=False) if value else None


def _buried(record: RunRecord) -> RunRecord:
    """The record of a run whose process is gone, ended as such in its journal too."""
    with Journal(record.folder) as journal:
        for attempt in record.last().values():
            if attempt.ended_at is None:
                facts = {"task": attempt.task, "attempt": attempt.number}
                journal.note("task_ended", **facts, state=Result.FAILED, error=DIED)
        journal.note("run_ended", state=Result.FAILED, error=DIED)
    return run_record(record.folder)


def _attempt(event: Event, repair: int) -> Attempt:
    return Attempt(
        task=event["task"],
        number=event.get("attempt", 0),
        repair=repair,
        kind=event.get("kind", ""),
        started_at=event["at"],
        facts=event,
    )


def _is_of(attempt: Attempt, event: Event) -> bool:
    return (attempt.task, attempt.number) == (event["task"], event.get("attempt", 0))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def runs_folder(home: Path) -> Path:
    """Where the runs of a home are."""
    return home / "runs"

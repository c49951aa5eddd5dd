"""What a person sees of a run: a tree while it runs on a terminal, else a line a change."""

import time
from pathlib import Path
from threading import Lock
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from bundlerun.runner.journal import Event
from bundlerun.runner.record import Attempt, RunRecord, run_record
from bundlerun.runner.states import SUCCEEDED, Result
from bundlerun.terminal import Terminal

_MARKS = {Result.SUCCESS: "✓", Result.EXCLUDED: "-", Result.DISABLED: "-", "RUNNING": "▸"}
_COLOURS = {"✓": "green", "✗": "red", "▸": "cyan", "-": "dim", "·": "dim"}
_LINE = 60


class RunView:
    """Follows a run's events; a context manager that draws while it is open."""

    def __init__(self, terminal: Terminal, console: Console | None = None) -> None:
        self._terminal = terminal
        self._console = console or Console(stderr=True, highlight=False)
        self._guard = Lock()
        self._record: RunRecord | None = None
        self._records: dict[str, RunRecord] = {}
        self._live = Live(get_renderable=self.tree, console=self._console, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._terminal.style == "rich":
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal.style == "rich":
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._guard:
            self._show(event)

    def _show(self, event: Event) -> None:
        if self._terminal.style == "json":
            self._terminal.event(event)
            return
        record = self._records.setdefault(event["run"], RunRecord(Path(event["run"])))
        self._record = self._record or record
        record.take(event)
        if self._terminal.style == "plain":
            line = _line(record, event, is_child=record is not self._record)
            if line:
                self._terminal.say(escape(line))

    def tree(self) -> Tree:
        """The run that was seen first, as it is now."""
        return run_tree(self._record, self._records) if self._record else Tree("")


def run_tree(record: RunRecord, children: dict[str, RunRecord] | None = None) -> Tree:
    """A run with its tasks, their latest attempts and the runs that they started."""
    title = Text.assemble((record.job, "bold"), f"  run {record.run_id}  {_run_state(record)}")
    tree, last = Tree(title), record.last()
    keys = [task["key"] for task in record.facts.get("tasks", [])]
    for key in keys:
        branch = tree.add(_task_text(key, last.get(key), record.is_over))
        for name in [name for name in last if name.startswith(f"{key}[")]:
            branch.add(_task_text(name, last[name], record.is_over))
        for child in _children_of(record, key, children):
            branch.add(run_tree(child, children))
    return tree


def failure_summary(record: RunRecord) -> list[str]:
    """For each task that failed: which attempt, why, its line of code, its log."""
    lines = []
    for key, attempt in record.last().items():
        if attempt.state in (Result.FAILED, Result.TIMEDOUT):
            lines += [f"{key}, attempt {attempt.number}: {attempt.error}", *_details(attempt)]
    return lines


def _details(attempt: Attempt) -> list[str]:
    """The task's own line of code that failed, then the path to its log."""
    where, log = attempt.facts.get("where"), attempt.facts.get("log")
    return [f"    {told}" for told in (where, log and f"log: {log}") if told]


def took(seconds: float | None) -> str:
    """A duration for a person.

    >>> took(3.21), took(75), took(None)
    ('3.2 s', '1 min 15 s', '')
    """
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def _run_state(record: RunRecord) -> str:
    if not record.parts:
        return "PENDING"
    part = record.parts[-1]
    seconds = (part.ended_at or time.time()) - part.started_at
    repaired = f" (repair {part.repair})" if part.repair else ""
    return f"{part.state}{repaired}  {took(seconds)}"


def _task_text(key: str, attempt: Attempt | None, is_over: bool) -> Text:  # noqa: FBT001
    if attempt is None:
        return Text(f"· {key}", "dim")
    mark = _mark(attempt.state)
    ended = attempt.ended_at or (None if is_over else time.time())
    seconds = ended - attempt.started_at if ended and attempt.started_at else None
    parts = [attempt.state, took(seconds)]
    if attempt.number > 1:
        parts.append(f"attempt {attempt.number}")
    parts.append(attempt.error or _last_line(attempt))
    rest = "  ".join(part for part in parts if part)
    return Text.assemble((f"{mark} {key}", _COLOURS[mark]), f"  {rest}")


def _mark(state: str) -> str:
    return _MARKS.get(state, "✓" if state in SUCCEEDED else "✗")


def _last_line(attempt: Attempt) -> str:
    """The latest line of a running task's log."""
    log = attempt.facts.get("log")
    if attempt.state != "RUNNING" or not log or not Path(log).exists():
        return ""
    with Path(log).open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 500))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:_LINE] if lines else ""


def _children_of(
    record: RunRecord, key: str, children: dict[str, RunRecord] | None
) -> list[RunRecord]:
    if children is None:
        runs = [a.facts.get("child_run") for k, a in record.last().items() if _is_of(k, key)]
        return [run_record(record.folder.parent / run) for run in runs if run]
    parents = [(run, run.facts.get("parent") or {}) for run in children.values()]
    return [
        run
        for run, parent in parents
        if parent.get("run") == record.run_id and _is_of(parent.get("task", ""), key)
    ]


def _is_of(name: str, key: str) -> bool:
    return name.partition("[")[0] == key


def _line(record: RunRecord, event: Event, *, is_child: bool) -> str:
    """What a change says on one line; empty for what needs none."""
    mark, line = "", ""
    match event["event"]:
        case "run_started" | "repair_started":
            mark, line = "▸", f"run {record.run_id} of {record.job} ({event['target']})"
        case "run_state" if event["state"] == "QUEUED":
            mark, line = "…", f"waiting for another run of {record.job} to end"
        case "task_started":
            again = f" (attempt {event['attempt']})" if event["attempt"] > 1 else ""
            mark, line = "▸", f"{event['task']}{again}"
        case "task_waiting":
            mark, line = "…", f"{event['task']}: tried again in {took(max(0, event['seconds']))}"
        case "task_ended":
            attempt = record.last()[event["task"]]
            mark, line = _mark(event["state"]), _ended_line(attempt)
            if attempt.state in (Result.FAILED, Result.TIMEDOUT):
                line = "\n".join([line, *_details(attempt)])
        case "run_ended":
            mark, line = _mark(event["state"]), f"run {record.run_id}: {_run_state(record)}"
        case "not_recorded":
            mark, line = "!", f"not yet in ops.task_runs: {event['error']}"
    prefix = f"{record.job}: " if is_child else ""
    return f"{mark} {prefix}{line}" if line else ""


def _ended_line(attempt: Attempt) -> str:
    parts = [attempt.state, took(attempt.seconds), attempt.error or ""]
    told = " · ".join(part for part in parts if part)
    return f"{attempt.task}: {told}"

"""What a person, or a program, sees of a job while it runs."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from lyceum.errors import UsageError
from lyceum.runs.layout import laid_out

_WIDTH_OF_A_FILE = 160

Style = Literal["rich", "plain", "json", "quiet"]


@dataclass
class Step:
    """A step under way; `done` and `total` count its units, `note` sums it up when it is over."""

    name: str
    unit: str = ""
    total: int | None = None
    done: int = 0
    note: str = ""
    title: str = ""
    """How a person reads it; the name if empty."""
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Time since the start of the step."""
        return time.monotonic() - self.started

    @property
    def words(self) -> str:
        """What a person calls it."""
        return self.title or self.name

    def summary(self) -> str:
        """One line: what was done, how much of it, how fast."""
        parts = [self.note] if self.note else []
        if self.unit and self.done:
            rate = self.done / max(self.seconds, 1e-9)
            parts.insert(0, f"{self.done:,} {self.unit}, {rate:,.0f}/s")
        return " · ".join([*parts, f"{self.seconds:.1f} s"])


class Reporter:
    """Progress to standard error, results to standard output, in one of four styles."""

    def __init__(self, style: Style = "quiet", out: TextIO | None = None) -> None:
        self.style = style
        stream = out or sys.stdout
        width = None if stream.isatty() else _WIDTH_OF_A_FILE
        self._out = Console(file=stream, highlight=False, markup=False, width=width)
        self._err = Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._last_line = 0.0

    @contextmanager
    def step(self, name: str, *, unit: str = "", total: int | None = None) -> Iterator[Step]:
        """Show a step from its start to its end; a failed one is shown as failed."""
        step = Step(name, unit, total)
        with self.shown(step):
            yield step

    @contextmanager
    def shown(self, step: Step) -> Iterator[None]:
        """The same for a step that the caller has made."""
        if self.style == "json":
            self._event("started", step)
        with self._shown(step):
            try:
                yield
            except BaseException as error:
                # Wrong usage is one line, which the command says.
                if self.style == "json" or not isinstance(error, UsageError):
                    self._event("failed", step)
                raise
        self._event("done", step)

    def advance(self, step: Step, units: int) -> None:
        """Count units of a step as done."""
        step.done += units
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[-1], completed=step.done)
        elif time.monotonic() - self._last_line > 5:
            self._last_line = time.monotonic()
            self._event("progress", step)

    def say(self, text: str) -> None:
        """A line for the person who watches."""
        if self.style == "json":
            self._json({"event": "message", "text": text})
        elif self.style != "quiet":
            self._err.print(text, markup=False, soft_wrap=True)

    def event(self, facts: Mapping[str, object]) -> None:
        """Something that happened, as one JSON line where lines are JSON."""
        if self.style == "json":
            self._json(facts)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A result as a table, or as one JSON line."""
        if self.style == "json":
            records = [dict(zip(columns, row, strict=True)) for row in rows]
            self._json({"event": "result", "name": title, "rows": records})
            return
        if self.style == "quiet":
            return
        shown = laid_out(title, columns, rows, self._out.width)
        # Beyond the width it is the terminal that breaks a line: what is copied is whole.
        self._out.print(shown, soft_wrap=isinstance(shown, str))

    def result(self, title: str, facts: Mapping[str, object]) -> None:
        """A result of names and values."""
        if self.style == "json":
            self._json({"event": "result", "name": title, **facts})
        else:
            self.table(title, ["fact", "value"], list(facts.items()))

    @contextmanager
    def _shown(self, step: Step) -> Iterator[None]:
        if self.style != "rich":
            self._last_line = time.monotonic()
            yield
            return
        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        if step.total is not None:
            columns += [BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}")]
        with Progress(*columns, console=self._err, transient=True) as progress:
            progress.add_task(step.words, total=step.total, unit=step.unit)
            self._progress = progress
            try:
                yield
            finally:
                self._progress = None

    def _event(self, state: str, step: Step) -> None:
        if self.style == "json":
            facts = {
                "step": step.words,
                "units": step.done,
                "seconds": round(step.seconds, 3),
            }
            self._json({"event": state, **facts, "note": step.note})
        elif self.style != "quiet":
            mark = {"done": "[green]✓[/]", "failed": "[red]✗[/]", "progress": "…"}[state]
            of_total = f" of {step.total:,}" if state == "progress" and step.total else ""
            text = escape(f" {step.words}{of_total}: {step.summary()}")
            self._err.print(mark + text, soft_wrap=True)

    def _json(self, facts: Mapping[str, object]) -> None:
        self._out.file.write(json.dumps(facts, default=str) + "\n")
        self._out.file.flush()

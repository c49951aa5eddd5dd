"""What the benchmarks share: measured processes, the simulated LMS, and tables of figures."""

import json
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

import psutil  # type: ignore[import-untyped]
from rich.console import Console
from rich.table import Table as RichTable

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
SAMPLE_SECONDS = 0.1

Record = dict[str, Any]


@dataclass
class Meter:
    """CPU seconds and peak memory of a process with all its descendants, sampled.

    A process that ends loses what it used after its last sample; memory that processes share
    counts once for each of them.
    """

    root: int
    peak_bytes: int = 0
    _used: dict[tuple[int, float], float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def cpu_seconds(self) -> float:
        """User and system time of every process seen so far."""
        return sum(self._used.values())

    def sample(self) -> None:
        """Look at the whole tree once."""
        resident = 0
        for process in process_tree(self.root):
            with suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                self._used[process.pid, process.create_time()] = times.user + times.system
                if not _is_being_started(process):
                    resident += process.memory_info().rss
        self.peak_bytes = max(self.peak_bytes, resident)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sample in the background meanwhile."""
        thread = threading.Thread(target=self._sample_until_over, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _sample_until_over(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.sample()


def _is_being_started(process: psutil.Process) -> bool:
    """True for what a JVM has just forked: until it runs its own program it shows the JVM's memory.

    It has the name of the thread that forked it, but the JVM's program; no JVM of ours starts one.
    """
    parent = process.parent() if process.exe().endswith("/java") else None
    return parent is not None and parent.exe() == process.exe()


def process_tree(root: int) -> list[psutil.Process]:
    """A process and its descendants; none if it has ended."""
    with suppress(psutil.Error):
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    return []


def end_tree(root: int) -> None:
    """End a process and its descendants, if they are still there."""
    for process in process_tree(root):
        with suppress(psutil.Error):
            process.terminate()


def tree_cpu_seconds(root: int) -> float:
    """User and system time of a living process and its living descendants."""
    meter = Meter(root)
    meter.sample()
    return meter.cpu_seconds


@dataclass(frozen=True)
class Finished:
    """A process that has ended: what it printed, each line with its wall-clock time, and used."""

    lines: list[tuple[float, str]]
    started: float
    ended: float
    cpu_seconds: float
    peak_mb: float

    def events(self) -> list[tuple[float, Record]]:
        """The lines that are JSON objects."""
        return [(at, json.loads(line)) for at, line in self.lines if line.startswith("{")]


def run_measured(command: Sequence[str], environment: Mapping[str, str]) -> Finished:
    """Run a command to its end; raises CalledProcessError with its output if it fails."""
    started = time.time()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    errors: list[str] = []
    assert process.stdout
    assert process.stderr
    drain = threading.Thread(target=errors.extend, args=(process.stderr,), daemon=True)
    drain.start()
    meter = Meter(process.pid)
    try:
        with meter.running():
            lines = [(time.time(), line.rstrip("\n")) for line in process.stdout]
            code = process.wait()
    finally:
        end_tree(process.pid)
    ended = time.time()
    drain.join()
    if code:
        output = "\n".join(line for _, line in lines)
        raise subprocess.CalledProcessError(code, command, output, "".join(errors[-30:]))
    return Finished(lines, started, ended, meter.cpu_seconds, meter.peak_bytes / 1e6)


class Staying:
    """A process that stays, measured from one thing that it says to another."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._used = 0.0

    def until(self, is_last: Callable[[str], bool]) -> Finished:
        """What it prints and uses up to a line: the time from now on, the CPU since the last."""
        assert self._process.stdout
        meter, started, lines = Meter(self._process.pid), time.time(), []
        with meter.running():
            for line in self._process.stdout:
                lines.append((time.time(), line.rstrip("\n")))
                if is_last(line):
                    break
            else:
                message = f"expected {self._process.args!r} to stay, found that it ended"
                raise RuntimeError(message)
        meter.sample()
        used, self._used = self._used, meter.cpu_seconds
        peak = meter.peak_bytes / 1e6
        return Finished(lines, started, time.time(), meter.cpu_seconds - used, peak)


@contextmanager
def staying(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    """A process for as long as the block lasts, which can be written to and read from."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        end_tree(process.pid)
        process.wait(timeout=60)


def peer_command(script: str, **options: object) -> list[str]:
    """The command line of a script in `peers/`; options that are None are left out."""
    command = [sys.executable, str(ROOT / "benchmarks" / "peers" / script)]
    for name, value in options.items():
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    return command


@dataclass(frozen=True)
class Lms:
    """A simulated LMS in a process of its own."""

    url: str
    pid: int

    def reset(self) -> None:
        """Forget all counts."""
        with urlopen(Request(f"{self.url}/_stats/reset", method="POST")):
            pass

    def stats(self) -> Record:
        """What it was asked since the last reset."""
        with urlopen(f"{self.url}/_stats") as answer:
            counted: Record = json.load(answer)
        return counted

    def cpu_seconds(self) -> float:
        """What it has used since it started."""
        return tree_cpu_seconds(self.pid)


@contextmanager
def simulated_lms(*, events: int, latency_ms: float, rate_limit: int | None) -> Iterator[Lms]:
    """Serve an LMS meanwhile."""
    command = [sys.executable, "-m", "lyceum.local.lms_simulator", "--events", str(events)]
    command += ["--latency-ms", str(latency_ms)]
    command += ["--rate-limit", str(rate_limit)] if rate_limit else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield Lms(process.stdout.readline().strip(), process.pid)
    finally:
        process.terminate()
        process.wait()


class Journal:
    """The measurements of a benchmark, one JSON object a line; a later run can go on with them."""

    def __init__(self, name: str, *, keep: bool) -> None:
        self.file = ROOT / ".lyceum" / "benchmarks" / f"{name}.jsonl"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if not keep:
            self.file.write_text("")
        text = self.file.read_text() if self.file.exists() else ""
        self.records: list[Record] = [json.loads(line) for line in text.splitlines()]

    def add(self, record: Record) -> None:
        """Keep a measurement."""
        self.records.append(record)
        with self.file.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def where(self, **facts: object) -> list[Record]:
        """The measurements with these values."""
        return [r for r in self.records if facts.items() <= r.items()]

    def median(self, figure: str, **facts: object) -> float | None:
        """The median of a figure over these measurements; None if there is none."""
        values = [r[figure] for r in self.where(**facts) if r.get(figure) is not None]
        return median(values) if values else None


@dataclass(frozen=True)
class Grid:
    """A table of figures, for the terminal and for the documentation."""

    title: str
    headers: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def show(self, console: Console) -> None:
        """Print it."""
        table = RichTable(title=self.title, title_justify="left", title_style="bold")
        for position, header in enumerate(self.headers):
            table.add_column(header, justify="right" if position else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        """The same for a document."""
        rule = ["---"] + ["---:"] * (len(self.headers) - 1)
        lines = [" | ".join(cells) for cells in (self.headers, rule, *self.rows)]
        return f"### {self.title}\n\n" + "\n".join(f"| {line} |" for line in lines) + "\n"


@dataclass(frozen=True)
class Target:
    """What a figure should be, and what it is."""

    text: str
    found: str
    is_met: bool

    def row(self) -> tuple[str, ...]:
        """The target as a row of a grid."""
        return (self.text, self.found, "met" if self.is_met else "missed")


def targets_grid(targets: list[Target]) -> Grid:
    """The targets as a table."""
    return Grid("Targets", ("Target", "Found", ""), [target.row() for target in targets])


def figure(value: float | None, digits: int = 1, suffix: str = "") -> str:
    """A number for a cell; a dash where nothing was measured."""
    return "-" if value is None else f"{value:,.{digits}f}{suffix}"


def machine() -> str:
    """The machine and the day, in one line."""
    memory = psutil.virtual_memory().total / 2**30
    day = datetime.now(UTC).date()
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {day}"
    )


def write_section(name: str, grids: list[Grid], notes: str = "") -> None:
    """Put tables in place of those in docs/benchmarks.md, between the marks of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    parts = [f"Measured on {machine()}.", notes, *(grid.markdown() for grid in grids)]
    section = "\n\n".join([begin, *(part.strip() for part in parts if part), end])
    marked = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(marked.sub(lambda _: section, text))

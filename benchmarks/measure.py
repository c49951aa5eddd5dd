"""What the benchmarks share: commands measured as whole processes, a simulated LMS, a table."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

import psutil  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
PYTHONS = {"embedded": sys.executable, "spark": str(ROOT / ".venv-spark" / "bin" / "python")}
ENGINES = [engine for engine, python in PYTHONS.items() if Path(python).exists()]
LMS_CLIENT = {"LMS_CLIENT_ID": "lyceum", "LMS_CLIENT_SECRET": "lyceum-secret"}
LMS_CLIENT |= {"EXTRACT__WORKERS": "20", "RUNTIME__DLTHUB_TELEMETRY": "false"}
SAMPLE_SECONDS = 0.05
# Where Python may not keep bytecode, every command would compile all that it imports.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

Figures = dict[str, Any]


@dataclass
class Meter:
    """CPU seconds and peak memory of a process with all its descendants, sampled.

    Memory that processes share counts once for each of them.
    """

    root: int
    peak_bytes: int = 0
    _used: dict[tuple[int, float], float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def cpu_seconds(self) -> float:
        """User and system time of every process seen so far."""
        return sum(self._used.values())

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
            with suppress(psutil.Error):
                self._sample()

    def _sample(self) -> None:
        root, resident = psutil.Process(self.root), 0
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                self._used[process.pid, process.create_time()] = times.user + times.system
                resident += process.memory_info().rss
        self.peak_bytes = max(self.peak_bytes, resident)


@dataclass(frozen=True)
class Used:
    """What a command cost, and the JSON objects that it printed."""

    wall: float
    cpu: float
    peak_mb: float
    printed: list[Figures]


def run(command: list[str], environment: Mapping[str, str] | None = None) -> Used:
    """Run a command to its end; raises RuntimeError with its output if it fails."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**ENVIRONMENT, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        meter = Meter(process.pid)
        with meter.running():
            # Counts exactly what it and the children that it waited for used.
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        message = f"{command} ended with {process.returncode}: {text[-3000:]}"
        raise RuntimeError(message)
    cpu = max(usage.ru_utime + usage.ru_stime, meter.cpu_seconds)
    printed = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return Used(wall, cpu, meter.peak_bytes / 1e6, printed)


def lyceum(home: Path, *arguments: str, engine: str = "embedded") -> list[str]:
    """The command line of lyceum on a home."""
    return [PYTHONS[engine], "-m", "lyceum", *_general(home, engine), *arguments]


def lyceum_in_turn(home: Path, commands: list[list[str]], *, engine: str) -> list[str]:
    """Commands of lyceum on a home, one after the other in one process."""
    script = "import json, sys; from lyceum.cli import main"
    script += "; sys.exit(any(main(given) for given in json.loads(sys.argv[1])))"
    given = [[*_general(home, engine), *command] for command in commands]
    return [PYTHONS[engine], "-c", script, json.dumps(given)]


def _general(home: Path, engine: str) -> list[str]:
    return ["--home", str(home), "--json", "--settings", f"LYCEUM_ENGINE={engine}"]


def peer(script: str, **options: object) -> list[str]:
    """The command line of a script in `peers/`; options that are None are left out."""
    command = [sys.executable, str(ROOT / "benchmarks" / "peers" / script)]
    given = {name: value for name, value in options.items() if value is not None}
    return command + [part for name, value in given.items() for part in (f"--{name}", str(value))]


@dataclass(frozen=True)
class Lms:
    """A simulated LMS in a process of its own."""

    url: str

    def reset(self) -> None:
        """Forget all counts."""
        with urlopen(Request(f"{self.url}/_stats/reset", method="POST")):
            pass

    def stats(self) -> Figures:
        """What it was asked since the last reset."""
        with urlopen(f"{self.url}/_stats") as answer:
            counted: Figures = json.load(answer)
        return counted


@contextmanager
def simulated_lms(events: int, *, latency_ms: float = 0, rate: int | None = None) -> Iterator[Lms]:
    """Serve an LMS meanwhile."""
    command = [sys.executable, "-m", "lyceum_lab.lms_simulator", "--events", str(events)]
    command += ["--latency-ms", str(latency_ms)]
    command += ["--rate-limit", str(rate)] if rate else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield Lms(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait()


class Results:
    """What was measured, by what was done and who did it."""

    def __init__(self) -> None:
        self._found: defaultdict[tuple[str, str], list[Used]] = defaultdict(list)
        self._notes: dict[tuple[str, str], str] = {}

    def add(self, what: str, who: str, used: Used, note: str = "") -> None:
        """Keep a measurement, and say it at once."""
        self._found[what, who].append(used)
        self._notes[what, who] = note
        line = f"{what}; {who}: {used.wall:.1f} s, {used.cpu:.1f} CPU-s, {used.peak_mb:.0f} MB"
        print(f"{line} {note}".rstrip(), file=sys.stderr, flush=True)

    def show(self) -> None:
        """Print the medians as a Markdown table, and the machine."""
        print("\n|  |  | wall s | CPU s | peak MB | runs |  |")
        print("| --- | --- | ---: | ---: | ---: | ---: | --- |")
        for (what, who), runs in sorted(self._found.items(), key=self._first_of_kind):
            wall, cpu, peak = (
                median(getattr(u, name) for u in runs) for name in ("wall", "cpu", "peak_mb")
            )
            cells = f"{wall:,.1f} | {cpu:,.1f} | {peak:,.0f} | {len(runs)}"
            print(f"| {what} | {who} | {cells} | {self._notes[what, who]} |")
        memory = psutil.virtual_memory().total / 2**30
        python, day = platform.python_version(), datetime.now(UTC).date()
        print(f"\nMedians; {os.cpu_count()} cores, {memory:.0f} GiB, Python {python}; {day}.")

    def _first_of_kind(self, item: tuple[tuple[str, str], list[Used]]) -> int:
        return [what for what, _ in self._found].index(item[0][0])


def parser(description: str | None, peers: list[str], *, repeats: int) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--peers", nargs="+", choices=peers, default=peers)
    options.add_argument("--repeats", type=int, default=repeats, help="by turns; Spark runs once")
    return options


def turns(peers: list[str], repeats: int) -> Iterator[str]:
    """Every peer in turn, as often as asked, but Spark once."""
    for number in range(repeats):
        yield from (name for name in peers if number == 0 or name != "spark")

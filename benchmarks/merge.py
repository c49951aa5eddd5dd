"""The merge of changed sessions against its peers, side by side in one run: `make bench-merge`.

Tables are built once and kept in .lyceum/benchmarks/merge; every merge gets a fresh copy. A
measurement is a record in .lyceum/benchmarks/merge.jsonl; `--keep` goes on with what is there.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import linear_regression

from rich.console import Console

from measure import (
    ROOT,
    Grid,
    Journal,
    Record,
    Target,
    figure,
    peer_command,
    targets_grid,
    write_section,
)
from worker import Worker, started_worker

TABLES = ROOT / ".lyceum" / "benchmarks" / "merge"
SPREADS = ("contiguous", "scattered")
PEERS = ("lyceum", "plain", "delta-rs")
LAYOUT = {
    "lyceum": "declared",
    "lyceum-unpruned": "declared",
    "plain": "plain",
    "delta-rs": "plain",
}
BUILD = {"LYCEUM_JVM": "heavy", "LYCEUM_DRIVER_MEMORY": "4g"}
LONG_SECONDS = 30
NOTES = """
Medians, in sessions that are started and warm; a merge that takes over 30 s is not repeated. All
tables hold the same rows in the order of their time-ordered ids, a million a file; *lyceum* merges
into the table as declared (clustered on the key, deletion vectors), the plain script and delta-rs
into one with the defaults of Delta. A contiguous batch changes the latest sessions, a scattered one
sessions from all over the table. The second run merges the same batch once more.
"""


@dataclass(frozen=True)
class Case:
    """A batch of so many changed sessions, from one place or all over, into so many rows."""

    rows: int
    size: int
    spread: str

    def facts(self) -> Record:
        """The case as part of a record."""
        return {"rows": self.rows, "size": self.size, "spread": self.spread}

    @property
    def batch(self) -> str:
        """The Parquet folder of the batch."""
        return str(TABLES / str(self.rows) / f"{self.spread}-{self.size}")


def merged(worker: Worker, table: Path, batch: str) -> Record:
    """Merge a batch; what it cost and what it wrote."""
    files = files_of(table)
    cost = worker.ask({"table": str(table), "batch": batch})
    added = {file: size for file, size in files_of(table).items() if file not in files}
    commits = [f for f in added if f.parent.name == "_delta_log" and f.suffix == ".json"]
    data = {file: size for file, size in added.items() if file.parent.name != "_delta_log"}
    written = {"files": len(data), "mb": sum(data.values()) / 1e6, "commits": len(commits)}
    return cost | written


def files_of(table: Path) -> dict[Path, int]:
    """The data files, deletion vectors and commits of a table, with their sizes."""
    return {
        file: file.stat().st_size
        for file in table.rglob("*")
        if file.is_file() and not file.name.startswith((".", "_"))
    }


def build(rows: int, sizes: list[int]) -> None:
    """Build the tables and batches of one size, unless they are there."""
    folder = TABLES / str(rows)
    if folder.is_dir():
        return
    part = TABLES / f"{rows}.part"
    shutil.rmtree(part, ignore_errors=True)
    command = peer_command("merge_build.py", folder=part, rows=rows)
    command += ["--sizes", *map(str, sizes)]
    subprocess.run(command, check=True, env={**os.environ, **BUILD})
    part.rename(folder)


@contextmanager
def copied(rows: int, layout: str, home: Path) -> Iterator[Path]:
    """A copy of a table meanwhile: data files are linked, as no merge changes one in place."""
    source = TABLES / str(rows) / layout / "event_session_details"
    schema = Path(tempfile.mkdtemp(prefix="copy_", dir=home / "warehouse"))
    copy = schema / "event_session_details"
    shutil.copytree(source, copy, copy_function=link_data)
    try:
        yield copy
    finally:
        shutil.rmtree(schema)


def link_data(source: str, target: str) -> None:
    """Link a data file, copy what belongs to the log."""
    if "_delta_log" in source:
        shutil.copy2(source, target)
    else:
        os.link(source, target)


def measure(case: Case, peer: str, worker: Worker, home: Path) -> list[Record]:
    """Merge the batch into a copy, then the same batch once more."""
    facts = case.facts() | {"peer": peer}
    with copied(case.rows, LAYOUT[peer], home) as table:
        return [facts | {"run": run} | merged(worker, table, case.batch) for run in (1, 2)]


def merger(peer: str, home: Path) -> AbstractContextManager[Worker]:
    """A peer's process that merges on demand."""
    return started_worker("merge_worker.py", {"LYCEUM_HOME": str(home)}, peer=peer)


def measure_all(cases: list[Case], peers: list[str], repeats: int, journal: Journal) -> None:
    """All peers in turn, as often as asked; each is warmed up by the first case."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=TABLES)))
        (home / "warehouse").mkdir()
        workers = {peer: stack.enter_context(merger(peer, home)) for peer in peers}
        for peer, worker in workers.items():
            measure(cases[0], peer, worker, home)
        for _ in range(repeats):
            for case in cases:
                for peer, worker in workers.items():
                    if not is_long(journal, case, peer):
                        for record in measure(case, peer, worker, home):
                            journal.add(record)
                            print(json.dumps(record), file=sys.stderr)


def is_long(journal: Journal, case: Case, peer: str) -> bool:
    """True if it has been measured and takes too long to be repeated."""
    took = journal.median("wall", peer=peer, run=1, **case.facts())
    return took is not None and took > LONG_SECONDS


def batch_grid(journal: Journal, size: int, spread: str) -> Grid:
    """What one kind of batch costs every peer, by the table's size."""
    headers = (
        "",
        "rows",
        "wall s",
        "CPU s",
        "MB written",
        "2nd: wall s",
        "CPU s",
        "files",
        "commits",
    )
    title = f"{size:,} changed sessions, {spread}"
    kind = {"size": size, "spread": spread}
    known = sorted({(r["peer"], r["rows"]) for r in journal.where(**kind)})
    rows = [
        (peer, figure(rows, 0), *run_cells(journal, {"peer": peer, "rows": rows, **kind}))
        for peer, rows in known
    ]
    return Grid(title, headers, rows)


def run_cells(journal: Journal, facts: Mapping[str, object]) -> tuple[str, ...]:
    """The medians of the first and of the second run."""
    first = [figure(journal.median(name, run=1, **facts)) for name in ("wall", "cpu", "mb")]
    second = [figure(journal.median(name, run=2, **facts)) for name in ("wall", "cpu")]
    counts = [figure(journal.median(name, run=2, **facts), 0) for name in ("files", "commits")]
    return (*first, *second, *counts)


def exponent(journal: Journal, name: str, peer: str, size: int, spread: str) -> float | None:
    """The power of the table's size that a cost grows with; None for fewer than two sizes."""
    facts = {"peer": peer, "size": size, "spread": spread, "run": 1}
    sizes = sorted({r["rows"] for r in journal.where(**facts)})
    costs = [journal.median(name, rows=rows, **facts) or 0 for rows in sizes]
    if len(sizes) < 2:
        return None
    return linear_regression([log(rows) for rows in sizes], [log(cost) for cost in costs]).slope


def exponents_grid(journal: Journal, kinds: list[tuple[int, str]]) -> Grid:
    """The exponents of all peers."""
    headers = ("batch", *(f"{peer}: {name}" for peer in PEERS for name in ("wall", "CPU")))
    rows = []
    for size, spread in kinds:
        found = [
            exponent(journal, name, p, size, spread) for p in PEERS for name in ("wall", "cpu")
        ]
        rows.append((f"{size:,}, {spread}", *(figure(value, 2) for value in found)))
    return Grid("Exponent of the cost over the table's size", headers, rows)


def targets(journal: Journal, kinds: list[tuple[int, str]]) -> list[Target]:
    """The targets that these measurements can tell about."""
    found = []
    for size, spread in kinds:
        value = exponent(journal, "cpu", "lyceum", size, spread)
        if value is not None:
            text = f"CPU of {size:,} {spread} changes grows with an exponent of at most 0.1"
            found.append(Target(text, f"{value:.2f}", value <= 0.1))
    second = journal.where(peer="lyceum", run=2)
    if second:
        files, commits = (max(r[name] for r in second) for name in ("files", "commits"))
        text = "An unchanged second run: 0 files, 0 commits, in every case"
        found.append(Target(text, f"{files} files, {commits} commits", not files and not commits))
    return found


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 4_000_000, 16_000_000])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--spreads", nargs="+", choices=SPREADS, default=list(SPREADS))
    parser.add_argument("--peers", nargs="+", choices=LAYOUT, default=list(PEERS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--build-only", action="store_true", help="build the tables and end")
    parser.add_argument("--keep", action="store_true", help="go on with earlier measurements")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def main() -> None:
    """Measure, show, and write the document if asked."""
    given = arguments()
    TABLES.mkdir(parents=True, exist_ok=True)
    for rows in given.rows:
        build(rows, given.sizes)
    if given.build_only:
        return
    journal = Journal("merge", keep=given.keep)
    cases = [Case(r, n, s) for r in given.rows for n in given.sizes for s in given.spreads]
    measure_all(cases, given.peers, given.repeats, journal)
    kinds = sorted({(r["size"], r["spread"]) for r in journal.records})
    grids = [targets_grid(targets(journal, kinds)), exponents_grid(journal, kinds)]
    grids += [batch_grid(journal, size, spread) for size, spread in kinds]
    for grid in grids:
        grid.show(Console())
    if given.write:
        write_section("merge", grids, " ".join(NOTES.split()))


if __name__ == "__main__":
    main()

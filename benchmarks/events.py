"""The event pipeline against its peers, side by side in one run: `make bench-events`.

Files of a first delivery to gold, then a second delivery of 1%, each in a process of its own. A
measurement is a record in .lyceum/benchmarks/events.jsonl; `--keep` goes on with what is there.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lyceum.local.samples import SampleConfig, write_sample
from measure import (
    Finished,
    Grid,
    Journal,
    Record,
    Staying,
    Target,
    figure,
    peer_command,
    run_measured,
    staying,
    targets_grid,
    write_section,
)

PEERS = ("lyceum", "watching", "pipeline", "spark", "pandas", "polars")
NAMES = {
    "lyceum": "lyceum",
    "watching": "lyceum, one process that watches",
    "pipeline": "lyceum, as a declarative pipeline",
    "spark": "plain Spark, all files again",
    "pandas": "pandas, all files again",
    "polars": "polars with delta-rs, merging",
}
ENVIRONMENT = {"LYCEUM_DRIVER_MEMORY": "4g"}
FIGURES = ("total_events", "total_registrations", "total_attendees")
SHARE = 0.01
QUERY = f"SELECT {', '.join(f'sum({n}) AS {n}' for n in FIGURES)} FROM gold.event_performance_kpi"
NOTES = """
Medians; every delivery is processed by a process of its own, whose start is part of it, but for the
one that watches: it starts once, with the first delivery. The files are UTF-8 CSV, which all peers
read. *Second* is a delivery of 1% of the rows, half of them new, half corrections. pandas and plain
Spark keep no state: they read all files again; polars merges new files into Delta tables with
delta-rs and overwrites what derives from them. The declarative pipeline runs on Spark's own engine,
which computes every materialized view anew. The last three have no bronze layer, quarantine or run
ledger, and could not be killed and run again. *Written* are the bytes of the files that are new or
changed in a peer's folder. CPU and memory are those of the whole process tree.
"""


@dataclass(frozen=True)
class Case:
    """How much is delivered."""

    rows: int
    events: int

    def __str__(self) -> str:
        return f"{self.rows:,} participants, {self.events:,} events"

    def facts(self) -> Record:
        """The case as part of a record."""
        return {"rows": self.rows, "events": self.events}


def delivered(case: Case, folder: Path) -> list[int]:
    """Write both deliveries, each under its number; returns the rows of each."""
    config = SampleConfig(
        rows=case.rows, events=case.events, deliveries=2, share=SHARE, is_plain=True
    )
    parts = [write_sample(config, folder / str(n), deliveries=(n,)) for n in (1, 2)]
    return [sum(dropped.rows for dropped in part) for part in parts]


def deliver(source: Path, landing: Path) -> None:
    """Put the files of a delivery among those that are there, with their times."""
    shutil.copytree(source, landing, dirs_exist_ok=True)


def measured(peer: str, deliveries: Path, rows: list[int]) -> Iterator[Record]:
    """Both deliveries, one after the other, by one peer."""
    with tempfile.TemporaryDirectory() as folder:
        landing, home = Path(folder, "landing"), Path(folder, "home")
        with closing(runs(peer, landing, home)) as ended:
            for number in (1, 2):
                deliver(deliveries / str(number), landing)
                before = state(home)
                finished = next(ended)
                after = state(home)
                changed = [path for path, facts in after.items() if before.get(path) != facts]
                yield {
                    "peer": peer,
                    "delivery": number,
                    "wall": finished.ended - finished.started,
                    "cpu": finished.cpu_seconds,
                    "peak_mb": finished.peak_mb,
                    "written_mb": sum(after[path][0] for path in changed) / 1e6,
                    "delivered": rows[number - 1],
                    "rows_per_cpu_second": rows[number - 1] / finished.cpu_seconds,
                    "steps": steps(finished),
                    "figures": figures(peer, finished, home),
                }


def runs(peer: str, landing: Path, home: Path) -> Generator[Finished]:
    """What a peer uses for what was delivered before each step."""
    if peer == "watching":
        watch = [*command("lyceum", landing, home), "--watch", "0.5"]
        with staying(watch, ENVIRONMENT) as process:
            watching = Staying(process)
            while True:
                yield watching.until(lambda line: "Watching" in line)
    while True:
        yield run_measured(command(peer, landing, home), ENVIRONMENT)


def command(peer: str, landing: Path, home: Path) -> list[str]:
    """What a peer is started with."""
    if peer != "lyceum":
        return peer_command(f"events_{peer}.py", landing=landing, home=home)
    return [*lyceum(home), "events", "run", "--landing", str(landing)]


def lyceum(home: Path) -> list[str]:
    """The command line of lyceum on a home."""
    return [str(Path(sys.executable).parent / "lyceum"), "--home", str(home), "--json"]


def state(home: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of every file."""
    files = (path for path in home.rglob("*") if path.is_file())
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def steps(finished: Finished) -> dict[str, float]:
    """The steps that lyceum says, in seconds."""
    events = [event for _, event in finished.events() if event.get("event") == "done"]
    return {event["step"]: event["seconds"] for event in events}


def figures(peer: str, finished: Finished, home: Path) -> list[int]:
    """The sums over gold, which must be the same for all."""
    if peer in ("lyceum", "watching", "pipeline"):
        finished = run_measured([*lyceum(home), "sql", QUERY], {})
    found = finished.events()[-1][1]
    return [int(found[name]) for name in FIGURES]


def case_grid(journal: Journal, case: Case) -> Grid:
    """The medians of every peer."""
    headers = ("", "first: wall s", "CPU s", "rows/CPU s", "peak MB", "MB written")
    headers += ("second: wall s", "CPU s", "MB written", "second/first CPU")
    known = [peer for peer in PEERS if journal.where(peer=peer, **case.facts())]
    return Grid(str(case), headers, [peer_row(journal, case, peer) for peer in known])


def peer_row(journal: Journal, case: Case, peer: str) -> tuple[str, ...]:
    """The medians of one peer."""

    def middle(name: str, delivery: int) -> float | None:
        return journal.median(name, peer=peer, delivery=delivery, **case.facts())

    first = [("wall", 1), ("cpu", 1), ("rows_per_cpu_second", 0), ("peak_mb", 0)]
    second = [("wall", 1), ("cpu", 1), ("written_mb", 1)]
    cells = [figure(middle(name, 1), digits) for name, digits in [*first, ("written_mb", 1)]]
    cells += [figure(middle(name, 2), digits) for name, digits in second]
    return (NAMES[peer], *cells, figure(ratio(journal, case, peer), 2))


def ratio(journal: Journal, case: Case, peer: str) -> float | None:
    """CPU of the second delivery by that of the first."""
    one, two = (journal.median("cpu", peer=peer, delivery=n, **case.facts()) for n in (1, 2))
    return two / one if one and two else None


def targets(journal: Journal, cases: list[Case]) -> list[Target]:
    """The targets that these measurements can tell about."""
    found = []
    for case in cases:
        for peer, how in (("lyceum", "a process each"), ("watching", "one that watches")):
            share = ratio(journal, case, peer)
            if share is not None:
                text = f"{case}, {how}: the second delivery costs at most a quarter of the first"
                found.append(Target(text, f"{share:.0%} of the CPU", share <= 0.25))
        sums = {str(r["figures"]) for r in journal.where(delivery=2, **case.facts())}
        text = f"{case}: all peers come to the same figures"
        found.append(Target(text, f"{len(sums)} set of figures", len(sums) == 1))
    return found


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="participants")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="go on with earlier measurements")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def main() -> None:
    """Measure, show, and write the document if asked."""
    given = arguments()
    case = Case(given.rows, given.rows // 20)
    journal = Journal("events", keep=given.keep)
    with tempfile.TemporaryDirectory() as folder:
        rows = delivered(case, Path(folder)) if given.repeats else []
        for peer in list(given.peers) * given.repeats:
            for record in measured(peer, Path(folder), rows):
                journal.add(case.facts() | record)
                print(json.dumps(case.facts() | record), file=sys.stderr)
    cases = [Case(*sizes) for sizes in sorted({(r["rows"], r["events"]) for r in journal.records})]
    grids = [targets_grid(targets(journal, cases)), *(case_grid(journal, c) for c in cases)]
    for grid in grids:
        grid.show(Console())
    if given.write:
        write_section("events", grids, " ".join(NOTES.split()))


if __name__ == "__main__":
    main()

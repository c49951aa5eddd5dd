"""Sales from files to gold against its peers, side by side in one run: `make bench-sales DIR=…`.

The three months of the folder are repeated over so many synthetic years, each a year further back.
Onto that history come late files and further months, one a repeat. A measurement is a record in
.lyceum/benchmarks/sales.jsonl; `--keep` goes on with what is there.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import linear_regression

from rich.console import Console

from measure import (
    Grid,
    Journal,
    Record,
    Target,
    figure,
    targets_grid,
    write_section,
)
from worker import Worker, started_worker

PEERS = ("lyceum", "duckdb", "spark")
STEPS = {"lyceum": ["load", "monthly", "performance"]}
ENVIRONMENT = {"LYCEUM_DRIVER_MEMORY": "4g"}
ALL, AGAIN, LATE, MONTH = "all files", "nothing new", "a late file", "a further month"
NOTES = """
Three months of a shop (UCI Online Retail, 105,335 rows in 68 files), repeated over synthetic years;
medians, in sessions that are started. *lyceum* runs `sales load`, `sales monthly` and
`sales performance`; DuckDB and plain Spark compute the three gold tables from all files each time,
and keep neither bronze nor silver. A late file has the last day's rows anew, with other invoice
numbers; a further month has February's rows. The first update includes the warming up of the JVM.
"""


@dataclass(frozen=True)
class Peer:
    """A peer's process, that brings gold up to date on demand."""

    worker: Worker
    steps: Sequence[str]

    def update(self, folder: Path) -> Record:
        """Bring gold to the state of the folder; what it cost."""
        return self.worker.ask({"folder": str(folder), "steps": self.steps})


def moved(text: str, day: str, other_day: str) -> str:
    """The rows of a day as rows of another day."""
    return text.replace(f",{day} ", f",{other_day} ")


def write_history(source: Path, folder: Path, years: int) -> None:
    """The files of the source, and copies of them, each a year further back."""
    for file in sorted(source.glob("*.csv")):
        day, text = file.stem, file.read_text(encoding="utf-8")
        for back in range(years):
            other = f"{int(day[:4]) - back}{day[4:]}"
            (folder / f"{other}.csv").write_text(moved(text, day, other), encoding="utf-8")


def write_late_file(source: Path, folder: Path, number: int) -> None:
    """A day of the last month once more, with other invoice numbers."""
    day = sorted(source.glob("*.csv"))[-1].stem
    header, *lines = (source / f"{day}.csv").read_text(encoding="utf-8").splitlines()
    late = [header, *(f"9{number}{line}" for line in lines if line[:1].isdigit())]
    (folder / f"{day}-late-{number}.csv").write_text("\n".join(late) + "\n", encoding="utf-8")


def write_month(source: Path, folder: Path, number: int) -> None:
    """The last month's files as those of a later month."""
    last = sorted(source.glob("*.csv"))[-1].stem[:7]
    for file in source.glob(f"{last}-*.csv"):
        other = f"{last[:5]}{int(last[5:]) + number:02d}{file.stem[7:]}"
        text = moved(file.read_text(encoding="utf-8"), file.stem, other)
        (folder / f"{other}.csv").write_text(text, encoding="utf-8")


def measure(source: Path, years: int, peer: str, repeats: int, journal: Journal) -> None:
    """One peer over a history that grows a little, and more than once."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "files"
        folder.mkdir()
        write_history(source, folder, years)
        home = Path(place, peer)
        with started_worker("sales_worker.py", ENVIRONMENT, peer=peer, home=home) as worker:
            ours = Peer(worker, STEPS.get(peer, ["recompute"]))
            for what, record in updates(ours, source, folder, repeats):
                record |= {"peer": peer, "years": years, "what": what}
                journal.add(record)
                print(json.dumps(record), file=sys.stderr)


def updates(peer: Peer, source: Path, folder: Path, repeats: int) -> Iterator[tuple[str, Record]]:
    """Everything, then nothing new, late files and further months by turns."""
    yield ALL, peer.update(folder)
    for number in range(1, repeats + 1):
        write_late_file(source, folder, number)
        yield LATE, peer.update(folder)
        write_month(source, folder, number)
        yield MONTH, peer.update(folder)
        yield AGAIN, peer.update(folder)


def costs_grid(journal: Journal, what: str) -> Grid:
    """What one kind of update costs every peer, by the length of the history."""
    headers = ("", "years", "wall s", "CPU s", "checkpoints and logs")
    known = sorted({(PEERS.index(r["peer"]), r["years"]) for r in journal.where(what=what)})
    rows = []
    for peer, years in ((PEERS[number], years) for number, years in known):
        facts = {"peer": peer, "years": years, "what": what}
        costs = [figure(journal.median(name, **facts)) for name in ("wall", "cpu")]
        share = bookkeeping_share(journal, **facts) if peer == "lyceum" else None
        percent = None if share is None else 100 * share
        rows.append((peer, str(years), *costs, figure(percent, suffix=" %")))
    return Grid(what.capitalize(), headers, rows)


def bookkeeping_share(journal: Journal, **facts: object) -> float | None:
    """The part of the wall time that checkpoints and logs took, over all updates."""
    records = journal.where(**facts)
    whole = sum(r["wall"] for r in records)
    return sum(r["bookkeeping"] for r in records) / whole if whole else None


def exponent(journal: Journal, name: str, peer: str, what: str) -> float | None:
    """The power of the history's length that a cost grows with; None for fewer than two."""
    years = sorted({r["years"] for r in journal.where(peer=peer, what=what)})
    costs = [journal.median(name, peer=peer, what=what, years=y) or 0 for y in years]
    if len(years) < 2:
        return None
    return linear_regression([log(y) for y in years], [log(c) for c in costs]).slope


def exponents_grid(journal: Journal) -> Grid:
    """The exponents of all peers."""
    headers = ("", *(f"{peer}: {name}" for peer in PEERS for name in ("wall", "CPU")))
    rows = []
    for what in (AGAIN, LATE, MONTH):
        found = [exponent(journal, n, peer, what) for peer in PEERS for n in ("wall", "cpu")]
        rows.append((what, *(figure(value, 2) for value in found)))
    return Grid("Exponent of the cost over the history's length", headers, rows)


def targets(journal: Journal) -> list[Target]:
    """The targets that these measurements can tell about."""
    found = []
    for what in (LATE, MONTH):
        value = exponent(journal, "cpu", "lyceum", what)
        if value is not None:
            text = f"CPU of {what} grows with an exponent of at most 0.1"
            found.append(Target(text, f"{value:.2f}", value <= 0.1))
    share = bookkeeping_share(journal, peer="lyceum")
    if share is not None:
        text = "Checkpoints and logs take at most 3% of the runs"
        found.append(Target(text, f"{share:.1%}", share <= 0.03))
    return found


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the shop's files, one a day")
    parser.add_argument("--years", type=int, nargs="+", default=[1, 10, 40])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--repeats", type=int, default=3, help="at most ten further months")
    parser.add_argument("--keep", action="store_true", help="go on with earlier measurements")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def main() -> None:
    """Measure, show, and write the document if asked."""
    given = arguments()
    journal = Journal("sales", keep=given.keep)
    for years in given.years:
        for peer in given.peers:
            measure(given.folder, years, peer, given.repeats, journal)
    grids = [targets_grid(targets(journal)), exponents_grid(journal)]
    grids += [costs_grid(journal, what) for what in (ALL, LATE, MONTH, AGAIN)]
    for grid in grids:
        grid.show(Console())
    if given.write:
        write_section("sales", grids, " ".join(NOTES.split()))


if __name__ == "__main__":
    main()

"""Sales from files to gold beside their peers: `make bench-sales`, or with `DIR=folder`.

Three months of a shop, of the folder or made up, are repeated over so many years, each a year
further back; then come a late file and a further month. The peers read all files each time.
"""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from lyceum_lab.samples.sales import SalesConfig, write_sales
from measure import ENGINES, Results, Used, lyceum_in_turn, parser, peer, run, turns

PEERS = {"DuckDB": "sales_duckdb.py", "pandas": "sales_pandas.py"}
STEPS = ("load", "monthly", "performance")
SHOP = SalesConfig(first_day=date(2010, 12, 1), days=80, lines=1_500)


def moved(text: str, day: str, other_day: str) -> str:
    """The rows of a day as rows of another day."""
    return text.replace(f",{day} ", f",{other_day} ")


def write_history(source: Path, folder: Path, years: int) -> None:
    """The files of the source, and copies of them, each a year further back."""
    folder.mkdir()
    for file in sorted(source.glob("*.csv")):
        day, text = file.stem, file.read_text(encoding="utf-8")
        for back in range(years):
            other = f"{int(day[:4]) - back}{day[4:]}"
            (folder / f"{other}.csv").write_text(moved(text, day, other), encoding="utf-8")


def write_late_file(source: Path, folder: Path) -> None:
    """The last day once more, with other invoice numbers."""
    day = sorted(source.glob("*.csv"))[-1].stem
    header, *lines = (source / f"{day}.csv").read_text(encoding="utf-8").splitlines()
    late = [header, *(f"9{line}" for line in lines if line[:1].isdigit())]
    (folder / f"{day}-late.csv").write_text("\n".join(late) + "\n", encoding="utf-8")


def write_month(source: Path, folder: Path) -> None:
    """The last month's files as those of the month after it."""
    last = sorted(source.glob("*.csv"))[-1].stem[:7]
    for file in source.glob(f"{last}-*.csv"):
        other = f"{last[:5]}{int(last[5:]) + 1:02d}{file.stem[7:]}"
        text = moved(file.read_text(encoding="utf-8"), file.stem, other)
        (folder / f"{other}.csv").write_text(text, encoding="utf-8")


def updated(name: str, home: Path, folder: Path) -> Used:
    """Bring gold to the state of the folder; an engine does its three steps in one process."""
    if name not in ENGINES:
        return run(peer(PEERS[name], landing=folder, home=home))
    words = [["sales", step, *([str(folder)] if step == "load" else [])] for step in STEPS]
    return run(lyceum_in_turn(home, words, engine=name))


def updates(name: str, home: Path, source: Path, folder: Path) -> Iterator[tuple[str, Used]]:
    """Everything, a late file, a further month, nothing new."""
    yield "all files", updated(name, home, folder)
    write_late_file(source, folder)
    yield "a late file", updated(name, home, folder)
    write_month(source, folder)
    yield "a further month", updated(name, home, folder)
    yield "nothing new", updated(name, home, folder)


def main() -> None:
    """Measure and show."""
    options = parser(__doc__, [*ENGINES, *PEERS], repeats=1)
    options.set_defaults(peers=["embedded", *PEERS])
    options.add_argument("folder", type=Path, nargs="?", help="the shop's files, one a day")
    options.add_argument("--years", type=int, default=40)
    given = options.parse_args()
    results = Results()
    with tempfile.TemporaryDirectory() as made_up:
        source = given.folder or Path(made_up)
        if not given.folder:
            write_sales(SHOP, source)
        for name in turns(given.peers, given.repeats):
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place, "files")
                write_history(source, folder, given.years)
                for what, used in updates(name, Path(place, "home"), source, folder):
                    results.add(f"{given.years} years: {what}", name, used)
    results.show()


if __name__ == "__main__":
    main()

"""What users feel: every command as a whole process, on small deliveries: `make bench`.

A turn is a fresh home: each engine runs the commands in this order, each peer its scripts.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from lyceum_lab.samples import SampleConfig, write_sample
from lyceum_lab.samples.sales import SalesConfig, write_sales
from measure import ENGINES, LMS_CLIENT, Results, lyceum, parser, peer, run, simulated_lms, turns

EVENTS = "events run, 2,000 participants"
LMS = "lms load, 400 events"
ALL_SALES = "sales: load, monthly, performance"
PEERS = {
    "DuckDB": (ALL_SALES, "sales_duckdb.py"),
    "pandas (sales)": (ALL_SALES, "sales_pandas.py"),
    "pandas (events)": (EVENTS, "events_pandas.py"),
    "polars with delta-rs": (EVENTS, "events_polars.py"),
    "dlt": (LMS, "lms_dlt.py"),
}
Command = tuple[str, list[str]]


def our_commands(engine: str, home: Path, landing: Path, url: str) -> Iterator[Command]:
    """What is run on an engine, in this order."""
    sales, events = str(landing / "sales"), ("events", "run", "--landing", str(landing))
    asked = {
        'sql "SELECT 1"': ("sql", "SELECT 1"),
        "sales load, 62 days": ("sales", "load", sales),
        "sales load, nothing new": ("sales", "load", sales),
        "sales monthly": ("sales", "monthly"),
        "sales performance": ("sales", "performance"),
        EVENTS: events,
        "events run, nothing new": events,
        LMS: ("lms", "load", "--url", url),
    }
    yield from ((what, lyceum(home, *words, engine=engine)) for what, words in asked.items())
    yield "demo", lyceum(home / "demo", "demo", engine=engine)


def commands(name: str, home: Path, landing: Path, url: str) -> Iterator[Command]:
    """What is run in one turn of an engine or a peer."""
    if name in ENGINES:
        yield from our_commands(name, home, landing, url)
        return
    what, script = PEERS[name]
    if script == "lms_dlt.py":
        yield what, peer(script, url=url, home=home)
    else:
        folder = landing / "sales" if what == ALL_SALES else landing
        yield what, peer(script, landing=folder, home=home)


def main() -> None:
    """Measure and show."""
    given = parser(__doc__, [*ENGINES, *PEERS], repeats=3).parse_args()
    results = Results()
    with tempfile.TemporaryDirectory() as files, simulated_lms(400) as lms:
        landing = Path(files)
        write_sample(SampleConfig(rows=2_000, is_plain=True), landing)
        write_sales(SalesConfig(days=62), landing / "sales")
        for name in turns(given.peers, given.repeats):
            with tempfile.TemporaryDirectory() as home:
                for what, command in commands(name, Path(home), landing, lms.url):
                    results.add(what, name, run(command, LMS_CLIENT))
    results.show()


if __name__ == "__main__":
    main()

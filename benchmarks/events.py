"""The event pipeline beside its peers: files to gold, then 1% more: `make bench-events`.

The peers have no bronze layer, quarantine or run ledger, and could not be killed and run again.
"""

import shutil
import tempfile
from pathlib import Path

from lyceum_lab.samples import SampleConfig, write_sample
from measure import ENGINES, Results, Used, lyceum, parser, peer, run, turns

PEERS = {"polars with delta-rs": "events_polars.py", "pandas": "events_pandas.py"}
FIGURES = ("total_events", "total_registrations", "total_attendees")
QUERY = f"SELECT {', '.join(f'sum({n}) AS {n}' for n in FIGURES)} FROM gold.event_performance_kpi"


def figures(name: str, used: Used, home: Path) -> str:
    """The sums over gold, which must be the same for all."""
    if name in ENGINES:
        used = run(lyceum(home, "sql", QUERY, engine=name))
    return " / ".join(f"{int(used.printed[-1][figure]):,}" for figure in FIGURES)


def measure(name: str, deliveries: Path, place: Path, results: Results) -> None:
    """Both deliveries, one after the other, each by a process of its own."""
    landing, home = place / "landing", place / "home"
    for number, what in ((1, "first delivery"), (2, "1% more")):
        shutil.copytree(deliveries / str(number), landing, dirs_exist_ok=True)
        if name in ENGINES:
            command = lyceum(home, "events", "run", "--landing", str(landing), engine=name)
        else:
            command = peer(PEERS[name], landing=landing, home=home)
        used = run(command)
        results.add(what, name, used, figures(name, used, home))


def main() -> None:
    """Measure and show."""
    options = parser(__doc__, [*ENGINES, *PEERS], repeats=1)
    options.set_defaults(peers=["embedded", *PEERS])
    options.add_argument("--rows", type=int, default=1_000_000, help="participants")
    given = options.parse_args()
    config = SampleConfig(
        rows=given.rows, events=given.rows // 20, deliveries=2, share=0.01, is_plain=True
    )
    results = Results()
    with tempfile.TemporaryDirectory() as deliveries:
        for number in (1, 2):
            write_sample(config, Path(deliveries, str(number)), deliveries=(number,))
        for name in turns(given.peers, given.repeats):
            with tempfile.TemporaryDirectory() as place:
                measure(name, Path(deliveries), Path(place), results)
    results.show()


if __name__ == "__main__":
    main()

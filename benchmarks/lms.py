"""The load of the LMS against its peers, side by side in one run: `make bench-lms`.

A measurement is a record in .lyceum/benchmarks/lms.jsonl; `--keep` goes on with what is there.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]
from rich.console import Console

from lms_tables import BARE, DLT, LEAST, LOAD, LOOP, NOTES, RELOAD, Case, case_grid, targets
from measure import (
    Finished,
    Journal,
    Lms,
    Record,
    peer_command,
    run_measured,
    simulated_lms,
    targets_grid,
    write_section,
)

LATENCY_MS = 20
CONCURRENCIES = (32, 64, 128, 256)
DLT_ENVIRONMENT = {"EXTRACT__WORKERS": "20", "RUNTIME__DLTHUB_TELEMETRY": "false"}
CREDENTIALS = {"LMS_CLIENT_ID": "lyceum", "LMS_CLIENT_SECRET": "lyceum-secret"}


def measured(lms: Lms, command: list[str], environment: dict[str, str]) -> tuple[Finished, Record]:
    """Run a peer; what it used, and what the simulator saw meanwhile."""
    lms.reset()
    before = lms.cpu_seconds()
    finished = run_measured(command, environment)
    simulator = lms.cpu_seconds() - before
    used = {"cpu": finished.cpu_seconds, "peak_mb": finished.peak_mb, "simulator_cpu": simulator}
    return finished, used | seen_by(lms)


def seen_by(lms: Lms) -> Record:
    """Calls a second of the details and of all, the most in one second, and what was refused."""
    stats = lms.stats()
    arrivals, pages = stats["arrivals"], sum(stats["pages"].values())
    return {
        "calls": stats["calls"],
        "details_per_second": per_second(arrivals[pages:]),
        "calls_per_second": per_second(arrivals),
        "most_in_one_second": stats["max_calls_in_one_second"],
        "refused": stats["rate_limited"],
    }


def per_second(arrivals: list[float]) -> float | None:
    """Calls a second between the first and the last."""
    if len(arrivals) < 2:
        return None
    return (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 1e-9)


def lyceum_loads(lms: Lms, case: Case, home: Path) -> Iterator[Record]:
    """A load into a fresh home, then the same once more."""
    for name in (LOAD, RELOAD):
        yield lyceum_load(lms, case, home, name)


def lyceum_load(lms: Lms, case: Case, home: Path, name: str) -> Record:
    """One `lyceum lms load`, timed by its progress events and its row in the run ledger."""
    command = [str(Path(sys.executable).parent / "lyceum"), "--home", str(home), "--json"]
    command += ["lms", "load", "--url", lms.url]
    command += ["--rate", str(case.rate)] if case.rate else []
    before = versions(home)
    finished, seen = measured(lms, command, CREDENTIALS)
    steps = {e["step"]: (at, e["seconds"]) for at, e in finished.events() if e["event"] == "done"}
    listed_at, listing = steps["List the events"]
    job_began = last_run_began(home)
    return seen | {
        "peer": name,
        "start": job_began - finished.started,
        "api": steps["Fetch session details"][0] - (listed_at - listing),
        "whole": finished.ended - job_began,
        "steps": {step: seconds for step, (_, seconds) in steps.items()},
        "data_commits": {t: v - before.get(t, -1) for t, v in versions(home).items()},
    }


def last_run_began(home: Path) -> float:
    """When the latest run began, as a Unix time; the ledger is append-only: its files are it."""
    files = (home / "warehouse" / "ops" / "etl_job_runs").glob("*.parquet")
    tables = [pq.read_table(file, columns=["started_at"]) for file in files]
    began: list[datetime] = [time for table in tables for time in table["started_at"].to_pylist()]
    return max(began).replace(tzinfo=UTC).timestamp()


def versions(home: Path) -> dict[str, int]:
    """The version of every silver table and of the quarantine."""
    tables = [*home.glob("warehouse/silver/*"), *home.glob("warehouse/ops/quarantine")]
    return {t.name: max(int(f.stem) for f in t.glob("_delta_log/*[0-9].json")) for t in tables}


def dlt_load(lms: Lms, _case: Case, home: Path) -> Iterator[Record]:
    """The same load by dlt; it knows no rate and is refused when it is too fast."""
    command = peer_command("lms_dlt.py", url=lms.url, home=home)
    yield timed_by_itself(lms, command, DLT_ENVIRONMENT, DLT)


def least_spark_load(lms: Lms, _case: Case, home: Path) -> Iterator[Record]:
    """What no load by Spark can do without."""
    command = peer_command("lms_spark.py", url=lms.url, home=home)
    yield timed_by_itself(lms, command, CREDENTIALS, LEAST)


def bare_load(lms: Lms, case: Case, _home: Path) -> Iterator[Record]:
    """All calls, nothing kept."""
    best = 128 if case.rate else best_concurrency(lms)
    command = peer_command("lms_bare.py", url=lms.url, rate=case.rate, concurrency=best)
    yield timed_by_itself(lms, command, {}, BARE) | {"concurrency": best}


@cache
def best_concurrency(lms: Lms) -> int:
    """The number of connections with which bare aiohttp is fastest."""

    def seconds(concurrency: int) -> float:
        command = peer_command("lms_bare.py", url=lms.url, concurrency=concurrency)
        return float(run_measured(command, {}).events()[-1][1]["api_seconds"])

    return min(CONCURRENCIES, key=seconds)


def timed_by_itself(lms: Lms, command: list[str], environment: dict[str, str], peer: str) -> Record:
    """A peer that prints the seconds of its phases."""
    finished, seen = measured(lms, command, environment)
    told = finished.events()[-1][1]
    phases = {"api": told["api_seconds"], "whole": told["whole_seconds"]}
    start = finished.ended - finished.started - told["whole_seconds"]
    return seen | phases | {"peer": peer, "start": start}


def event_loop(lms: Lms, case: Case, home: Path) -> Iterator[Record]:
    """A few turns of the source document's loop, multiplied."""
    command = peer_command("lms_loop.py", url=lms.url, home=home)
    finished, seen = measured(lms, command, {})
    told = finished.events()[-1][1]
    extrapolated = {
        "whole": told["event_seconds"] * case.events,
        "cpu": told["event_cpu_seconds"] * case.events,
        "details_per_second": 1 / told["event_seconds"],
    }
    yield {"peer": LOOP, "peak_mb": seen["peak_mb"]} | extrapolated | told


PEERS: dict[str, Callable[[Lms, Case, Path], Iterator[Record]]] = {
    "lyceum": lyceum_loads,
    "bare": bare_load,
    "dlt": dlt_load,
    "least": least_spark_load,
    "loop": event_loop,
}


def is_needless(peer: str, case: Case, repeat: int) -> bool:
    """True for what knows no rate, and for more than one run of what is extrapolated."""
    return (peer in ("loop", "least") and case.rate is not None) or (peer == "loop" and repeat > 0)


def measure_case(case: Case, peers: list[str], repeats: int, journal: Journal) -> None:
    """All peers in turn, as often as asked."""
    with simulated_lms(events=case.events, latency_ms=LATENCY_MS, rate_limit=case.rate) as lms:
        for repeat in range(repeats):
            for peer in peers:
                if not is_needless(peer, case, repeat):
                    with tempfile.TemporaryDirectory() as home:
                        for record in PEERS[peer](lms, case, Path(home)):
                            journal.add(case.facts() | record)
                            print(json.dumps(case.facts() | record), file=sys.stderr)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--rates", type=int, nargs="+", default=[0, 200], help="0: no limit")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="1,000 events, once")
    parser.add_argument("--keep", action="store_true", help="go on with earlier measurements")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def main() -> None:
    """Measure, show, and write the document if asked."""
    given = arguments()
    events, repeats = ([1_000], 1) if given.quick else (given.events, given.repeats)
    journal = Journal("lms", keep=given.keep)
    for case in [Case(e, rate or None) for rate in given.rates for e in events]:
        measure_case(case, given.peers, repeats, journal)
    known = sorted({(r["rate"] or 0, r["events"]) for r in journal.records})
    cases = [Case(e, rate or None) for rate, e in known]
    grids = [targets_grid(targets(journal, cases)), *(case_grid(journal, c) for c in cases)]
    for grid in grids:
        grid.show(Console())
    if given.write:
        write_section("lms", grids, " ".join(NOTES.split()))


if __name__ == "__main__":
    main()

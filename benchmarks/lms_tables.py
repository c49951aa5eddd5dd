"""The tables and targets of the benchmark of the LMS load, from its measurements."""

from dataclasses import dataclass

from measure import Grid, Journal, Record, Target, figure

LOAD, RELOAD, LEAST, LOOP, DLT, BARE = (
    "lyceum",
    "lyceum, second unchanged load",
    "the least that Spark does",
    "per-event loop, extrapolated",
    "dlt",
    "bare aiohttp",
)
NOTES = """
Medians. *API* is from the first call to the last answer kept, for Lyceum from the start of the list
of events to the last staged commit; *whole* leaves out the start of the Spark session, and for dlt
and bare aiohttp that of Python. CPU and memory are those of the whole process tree from start to
end, the simulator apart; bare aiohttp keeps nothing. The loop was run for a few events with a warm
JVM and multiplied. *The least that Spark does* is our source, one query and one append, in the same
session: what no load by Spark can do without. *Calls/s* counts the calls for session details as the
simulator saw them.
"""


@dataclass(frozen=True)
class Case:
    """How many events the LMS has, and the calls a second that it allows."""

    events: int
    rate: int | None

    def __str__(self) -> str:
        limit = "no limit" if self.rate is None else f"{self.rate}/s"
        return f"{self.events:,} events, {limit}"

    def facts(self) -> Record:
        """The case as part of a record."""
        return {"events": self.events, "rate": self.rate}


def case_grid(journal: Journal, case: Case) -> Grid:
    """The medians of every peer in one case."""
    limit = ("of the limit", "most in 1 s", "refused") if case.rate else ()
    headers = ("", "session start s", "API s", "whole s", "CPU s", "peak MB", "calls/s", *limit)
    peers = (LOAD, RELOAD, DLT, LEAST, LOOP, BARE)
    known = [p for p in peers if journal.where(peer=p, **case.facts())]
    return Grid(str(case), headers, [peer_row(journal, case, peer) for peer in known])


def peer_row(journal: Journal, case: Case, peer: str) -> tuple[str, ...]:
    """The medians of one peer in one case."""

    def middle(name: str) -> float | None:
        return journal.median(name, peer=peer, **case.facts())

    times = [figure(middle(name)) for name in ("start", "api", "whole", "cpu")]
    reached = middle("details_per_second")
    row = (peer, *times, figure(middle("peak_mb"), 0), figure(reached, 0))
    if not case.rate:
        return row
    share = figure(reached and 100 * reached / case.rate, 1, "%")
    return (*row, share, figure(middle("most_in_one_second"), 0), figure(middle("refused"), 0))


def targets(journal: Journal, cases: list[Case]) -> list[Target]:
    """The targets that these measurements can tell about."""
    found = [t for case in cases if case.rate for t in rate_targets(journal, case, case.rate)]
    for case in cases:
        if case.rate is None and case.events == 10_000:
            found += wall_targets(journal, case)
    return [*found, *memory_targets(journal, cases), *second_load_targets(journal)]


def rate_targets(journal: Journal, case: Case, rate: int) -> list[Target]:
    """The limit is reached, and never passed in any second of any run."""
    records = journal.where(peer=LOAD, **case.facts()) + journal.where(peer=RELOAD, **case.facts())
    if not records:
        return []
    share = min(r["details_per_second"] for r in records) / rate
    overall = min(r["calls_per_second"] for r in records) / rate
    most, refused = (max(r[name] for r in records) for name in ("most_in_one_second", "refused"))
    reached = f"{share:.1%} while it fetches details, {overall:.1%} from first call to last"
    return [
        Target(f"{case}: at least 95% of the limit, in the worst run", reached, share >= 0.95),
        Target(
            f"{case}: never above the limit",
            f"at most {most} in 1 s, {refused} refused",
            not refused,
        ),
    ]


def wall_targets(journal: Journal, case: Case) -> list[Target]:
    """Wall time against bare aiohttp."""
    limit = journal.median("api", peer=BARE, **case.facts())
    spark = journal.median("api", peer=LEAST, **case.facts())
    least = f"; the least that Spark does: {spark / limit:.2f}" if spark and limit else ""
    found = []
    for name, text, most in (("api", "API phase", 1.3), ("whole", "whole load", 3.0)):
        ours = journal.median(name, peer=LOAD, **case.facts())
        if ours and limit:
            ratio = ours / limit
            target = f"{case}: {text} at most {most} times bare aiohttp"
            found.append(Target(target, f"{ratio:.2f} times" + least, ratio <= most))
    return found


def memory_targets(journal: Journal, cases: list[Case]) -> list[Target]:
    """Peak memory of the largest load against the smallest."""
    peaks = {c.events: journal.median("peak_mb", peer=LOAD, **c.facts()) for c in cases}
    known = sorted((events, peak) for events, peak in peaks.items() if peak)
    if len(known) < 2:
        return []
    (few, least), (many, most) = known[0], known[-1]
    text = f"Peak memory flat from {few:,} to {many:,} events (at most 1.1 times)"
    return [Target(text, f"{least:,.0f} to {most:,.0f} MB", most <= 1.1 * least)]


def second_load_targets(journal: Journal) -> list[Target]:
    """The second load commits nothing to silver and the quarantine."""
    commits = [sum(r["data_commits"].values()) for r in journal.where(peer=RELOAD)]
    if not commits:
        return []
    text = "An unchanged second load: no commit to silver and quarantine"
    return [Target(text, f"{max(commits)} commits", max(commits) == 0)]

"""The load of the LMS beside dlt and the bare calls: `make bench-lms`."""

import tempfile
from pathlib import Path
from typing import Any

from measure import (
    ENGINES,
    LMS_CLIENT,
    Lms,
    Results,
    Used,
    lyceum,
    parser,
    peer,
    run,
    simulated_lms,
    turns,
)

LATENCY_MS = 20
PEERS = ["embedded", "dlt", "bare calls"]


def loads(name: str, lms: Lms, rate: int | None, home: Path) -> list[tuple[str, list[str]]]:
    """The loads of one turn; ours, then the same once more."""
    if name == "dlt":  # knows no rate, and is refused when it is too fast
        return [("", peer("lms_dlt.py", url=lms.url, home=home))]
    if name == "bare calls":
        return [("", peer("lms_bare.py", url=lms.url, rate=rate))]
    words = ["lms", "load", "--url", lms.url, *(["--rate", str(rate)] if rate else [])]
    ours = lyceum(home, *words, engine=name)
    return [("", ours), (", nothing new", ours)]


def note(used: Used, stats: dict[str, Any], rate: int | None) -> str:
    """The seconds of the calls, and how well the rate was used."""
    steps = {e["step"]: e["seconds"] for e in used.printed if e.get("event") == "done"}
    told = used.printed[-1].get("api_seconds")
    seconds = told or sum(steps.get(s, 0) for s in ("List the events", "Fetch session details"))
    text = f"calls {seconds:.1f} s"
    if rate is None:
        return text
    arrivals = stats["arrivals"][sum(stats["pages"].values()) :]
    share = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]) / rate
    most, refused = stats["max_calls_in_one_second"], stats["rate_limited"]
    return f"{text}; {share:.1%} of the limit, at most {most} in 1 s, {refused} refused"


def main() -> None:
    """Measure and show."""
    options = parser(__doc__, [*ENGINES, *PEERS[1:]], repeats=1)
    options.set_defaults(peers=PEERS)
    options.add_argument("--events", type=int, nargs="+", default=[1_000, 10_000])
    options.add_argument("--rates", type=int, nargs="+", default=[0, 200], help="0: no limit")
    given = options.parse_args()
    results = Results()
    for rate, events in [(rate or None, events) for rate in given.rates for events in given.events]:
        what = f"{events:,} events" + (f", {rate}/s" if rate else "")
        with simulated_lms(events, latency_ms=LATENCY_MS, rate=rate) as lms:
            for name in turns(given.peers, given.repeats):
                with tempfile.TemporaryDirectory() as home:
                    for more, command in loads(name, lms, rate, Path(home)):
                        lms.reset()
                        used = run(command, LMS_CLIENT)
                        results.add(what + more, name, used, note(used, lms.stats(), rate))
    results.show()


if __name__ == "__main__":
    main()

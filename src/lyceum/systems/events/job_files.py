"""The file half of the event pipeline: what was delivered becomes files that it can stream from."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lyceum.runs.reporter import Reporter
from lyceum.systems.events.source import Folders, deliveries, prepare


@dataclass(frozen=True)
class Preparation:
    """What became of the files that were delivered since the last run."""

    files: int
    rows: int
    malformed: int
    unreadable: int


def prepare_files(landing: Path, home: Path, reporter: Reporter) -> Preparation:
    """Prepare what was delivered and is not prepared yet; set aside what nobody can read."""
    counts: Counter[str] = Counter()
    with reporter.step("Prepare files", unit="rows") as step:
        found = deliveries(landing)
        for prepared in prepare(found, Folders(home), ingested_at=datetime.now(UTC)):
            counts["files"] += 1
            counts["rows"] += prepared.rows
            counts["malformed"] += prepared.malformed
            counts["unreadable"] += prepared.problem is not None
            reporter.advance(step, prepared.rows)
            if prepared.problem is not None:
                reporter.say(
                    f"{prepared.entity.name}/{prepared.name} set aside: {prepared.problem}"
                )
        step.note = f"{counts['files']:,} new files"
    return Preparation(*(counts[n] for n in ("files", "rows", "malformed", "unreadable")))

"""Replay of the event pipeline: files are read again, the present rules applied to all rows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lyceum.files.lines import as_text
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import open_records
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.events.job import JOB, EventsJob, run
from lyceum.systems.events.silver.lm_broken_rules import LM_BROKEN_RULES, SYSTEM
from lyceum.systems.events.silver.lm_events import LM_EVENTS
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS
from lyceum.systems.events.source import ENTITIES, Folders, prepare
from lyceum.systems.events.source.deliveries import Delivery
from lyceum.systems.events.source.errors import UnreadableFileError
from lyceum.systems.events.source.prepare import read_file

_ID_AND_DASH = 25
"""A file set aside has its delivery's identifier before its name."""


def replay_events(lake: Lakehouse, reporter: Reporter) -> None:
    """Take in files that can be read by now, repaired or not, and compute silver and gold anew.

    In a workspace the next run of the pipeline takes them in.
    """
    home, landing = lake.config.home, lake.config.landing
    parameters = {"task": "replay"}
    with (
        Run.of(lake, JOB, parameters, reporter=reporter) as replay,
        replay.stage("read_files_again") as stage,
    ):
        found = [*_set_aside(home), *_malformed(lake, landing)]
        readable = [delivery for delivery, malformed in found if _is_better(delivery, malformed)]
        taken = list(prepare(readable, Folders(home), ingested_at=datetime.now(UTC)))
        for delivery in readable:
            if landing not in delivery.path.parents:
                delivery.path.unlink()
        stage.note = f"{len(taken)} of {len(found)} can be read better by now"
    if lake.config.engine == "workspace":
        reporter.say(f"The next run of the job {JOB} takes them in")
        return
    landing.mkdir(parents=True, exist_ok=True)
    tables = (LM_EVENTS.name, LM_PARTICIPANTS.name, LM_BROKEN_RULES.name)
    run(EventsJob(lake, landing, reporter), refresh=tables)


def _set_aside(home: Path) -> Iterator[tuple[Delivery, int | None]]:
    """The files that could not be read, as deliveries of this moment."""
    for entity in ENTITIES:
        for path in sorted(Folders(home).quarantine(entity).glob("*")):
            name = as_text(path.name[_ID_AND_DASH:])
            yield Delivery(entity, path, name, _now_ns(), path.stat().st_size), None


def _malformed(lake: Lakehouse, landing: Path) -> Iterator[tuple[Delivery, int | None]]:
    """The delivered files with malformed rows, with the number of those."""
    rows = open_records(lake, SYSTEM, rule="malformed_row")
    entities = {entity.name: entity for entity in ENTITIES}
    for row in rows.groupBy("source_key").count().orderBy("source_key").collect():
        entity, _, name = row.source_key.partition("/")
        path = landing / entity / name
        if path.exists():
            size = path.stat().st_size
            yield Delivery(entities[entity], path, name, _now_ns(), size), int(row["count"])


def _is_better(delivery: Delivery, malformed: int | None) -> bool:
    """True if the file can be read, with fewer malformed rows than it had."""
    try:
        rows = read_file(delivery.entity, delivery.path)
    except UnreadableFileError:
        return False
    return malformed is None or len(rows.malformed) < malformed


def _now_ns() -> int:
    return int(datetime.now(UTC).timestamp() * 1e6) * 1000

"""The event pipeline: files are prepared, tables updated, the quarantine merged.

On one machine `run` does all three. In a workspace they are three tasks of a job, and the one in
the middle is a pipeline of Lakeflow. Each can be killed and repeated: a file is prepared once, a
checkpoint knows what bronze has, and everything after it is computed from its source.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import QUARANTINE, keep, open_records, show_open
from lyceum.quality.rules import mended_rows
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.events.pipeline import REPORTED, TABLES, chosen_tables, update_tables
from lyceum.systems.events.silver.lm_broken_rules import LM_BROKEN_RULES, SYSTEM
from lyceum.systems.events.source import Folders, deliveries, prepare
from pocketlake import Written

JOB = "events_daily"


@dataclass(frozen=True)
class EventsJob:
    """What every command of the event pipeline works with."""

    lake: Lakehouse
    landing: Path
    reporter: Reporter


def run(job: EventsJob, *, full_refresh: bool = False, refresh: Sequence[str] = ()) -> None:
    """Bring what was delivered to silver, gold and quarantine.

    A full refresh computes every table again from all files that were ever accepted, `refresh`
    the named tables.
    """
    parameters = {"full_refresh": full_refresh, "refresh": list(refresh)}
    with Run.of(job.lake, JOB, parameters, reporter=job.reporter) as run:
        anew = TABLES if full_refresh else chosen_tables(refresh)
        prepared = _prepare_files(run, job.landing)
        with run.stage("update_tables") as stage:
            written = update_tables(job.lake, anew)
            changed = sum(not one.is_nothing for one in written.values())
            stage.note = f"{changed} of {len(TABLES)} tables"
        run.count(*(written[table.name] for table in REPORTED))
        _show(run, prepared, {**written, QUARANTINE.name: _merge_quarantine(run)})


def preprocess(job: EventsJob) -> None:
    """Prepare what was delivered, for the pipeline to stream from."""
    with Run.of(job.lake, JOB, {"task": "preprocess"}, reporter=job.reporter) as run:
        _prepare_files(run, job.landing)


def quarantine(job: EventsJob) -> None:
    """Keep what breaks a rule since the pipeline ran, and resolve what no longer does."""
    with Run.of(job.lake, JOB, {"task": "quarantine"}, reporter=job.reporter) as run:
        _merge_quarantine(run)
        show_open(job.lake, job.reporter, SYSTEM)


def _prepare_files(run: Run, landing: Path) -> Mapping[str, int]:
    """Prepare what was delivered and is not prepared yet; set aside what nobody can read."""
    counts: Counter[str] = Counter()
    with run.stage("prepare_files", unit="rows") as stage:
        found, folders = deliveries(landing), Folders(run.lake.config.home)
        for prepared in prepare(found, folders, ingested_at=datetime.now(UTC)):
            counts["files prepared"] += 1
            counts["of them unreadable"] += prepared.problem is not None
            counts["rows"] += prepared.rows
            counts["malformed rows"] += prepared.malformed
            run.reporter.advance(stage, prepared.rows)
            if prepared.problem is not None:
                name = f"{prepared.entity.name}/{prepared.name}"
                run.reporter.say(f"{name} set aside: {prepared.problem}")
        stage.note = f"{counts['files prepared']:,} new files"
        run.rows_processed = counts["rows"]
    return counts


def _merge_quarantine(run: Run) -> Written:
    """Bring the quarantine up to `silver.lm_broken_rules`, which the pipeline has computed."""
    with run.stage("merge_quarantine") as stage:
        found = run.lake.read(LM_BROKEN_RULES).select(
            "*",
            F.lit(run.id).alias("load_id"),
            F.lit(None).cast("timestamp").alias("resolved_at"),
        )
        now = F.lit(datetime.now(UTC))
        mended = mended_rows(open_records(run.lake, SYSTEM), found, system=SYSTEM, at=now)
        written = keep(run.lake, found.unionByName(mended))
        stage.note = str(written)
        run.count(written)
    return written


def _show(run: Run, prepared: Mapping[str, int], written: Mapping[str, Written]) -> None:
    if not prepared and all(one.is_nothing for one in written.values()):
        run.reporter.say("Nothing new was delivered: the tables stay as they are")
        return
    counted = ("files prepared", "of them unreadable", "rows", "malformed rows")
    facts: dict[str, object] = {name: prepared[name] for name in counted}
    changes = {table.name: str(written[table.name]) for table in (*REPORTED, QUARANTINE)}
    run.reporter.result("Event pipeline", facts | changes)
    show_open(run.lake, run.reporter, SYSTEM)

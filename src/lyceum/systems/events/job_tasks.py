"""The tasks of the event job before and after its pipeline, each a run of its own."""

from lyceum.quality.quarantine import show_open
from lyceum.runs.run import Run
from lyceum.systems.events.job import JOB, EventsJob, note
from lyceum.systems.events.job_files import prepare_files
from lyceum.systems.events.job_quarantine import merge_quarantine
from lyceum.systems.events.silver.lm_broken_rules import SYSTEM


def preprocess(job: EventsJob) -> None:
    """Prepare what was delivered, for the pipeline to stream from."""
    with Run.of(job.lake, JOB, {"task": "preprocess"}, reporter=job.reporter) as run:
        run.begin()
        run.rows_processed = prepare_files(job.landing, job.lake.config.home, job.reporter).rows


def quarantine(job: EventsJob) -> None:
    """Keep what breaks a rule since the pipeline ran, and resolve what no longer does."""
    with Run.of(job.lake, JOB, {"task": "quarantine"}, reporter=job.reporter) as run:
        run.begin()
        with job.reporter.step("Merge quarantine") as step:
            written = merge_quarantine(job.lake, run.id)
            step.note = note(written)
        run.rows_inserted, run.rows_updated = written.inserted, written.updated
        show_open(job.lake, job.reporter, SYSTEM)

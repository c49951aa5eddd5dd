"""What the declarative pipeline leaves to a job: the files before it, the quarantine after it."""

from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.bronze.landing import LANDING_TABLES
from lyceum.jobs.events import JOB, TABLES, EventsJob
from lyceum.jobs.events_files import prepare_files
from lyceum.jobs.events_publish import (
    Records,
    current_event_records,
    current_participant_records,
    quarantine,
)
from lyceum.jobs.events_scope import SYSTEM, Scope
from lyceum.ops.ledger import recorded_run
from lyceum.ops.locks import job_lock
from lyceum.ops.quarantine import open_records
from lyceum.silver.mdm import final_mdm_ids, mdm_links
from lyceum.sources.landing import MDM
from lyceum.storage import computed_once

PREPROCESS = "events_preprocess"
QUARANTINE = "events_quarantine"


def preprocess(job: EventsJob) -> None:
    """Prepare what was delivered, for the pipeline to stream from.

    On one machine the declared tables are made too: the engine would make them without NOT NULL.
    In a workspace they are the pipeline's own.
    """
    with job_lock(job.lake, JOB), recorded_run(job.lake, PREPROCESS, {}) as run:
        prepared = prepare_files(job.landing, job.home, job.reporter)
        if job.lake.config.is_local_disk:
            job.lake.ensure(*TABLES)
        run.rows_processed = prepared.rows


def quarantine_all(job: EventsJob) -> None:
    """Keep what breaks a rule in the tables as they are now, and resolve what no longer does.

    It is no publication: the merges see by the versions that the tables are not as they left them.
    """
    lake = job.lake
    with job_lock(lake, JOB), recorded_run(lake, QUARANTINE, {}) as run:
        with job.reporter.step("Merge quarantine") as step:
            final_ids = final_mdm_ids(mdm_links(lake.read(LANDING_TABLES[MDM.name])))
            written = quarantine(
                lake,
                Scope(None, None, open_records(lake, SYSTEM)),
                events=Records(computed_once(current_event_records(lake)), None),
                participants=Records(
                    computed_once(current_participant_records(lake, final_ids)), None
                ),
                run_id=run.id,
                at=F.lit(datetime.now(UTC)),
            )
            step.note = f"{written.inserted:,} new, {written.updated:,} changed"
        run.rows_inserted, run.rows_updated = written.inserted, written.updated

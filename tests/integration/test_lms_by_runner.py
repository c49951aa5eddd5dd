"""The bundle's LMS job, run on this machine, does what the command does."""

from dataclasses import replace
from pathlib import Path

import pytest
from lms_lake import lms_job, small_lms

import lyceum
from lyceum.bronze.lms import LMS_EVENT_SESSION_DETAILS
from lyceum.jobs.lms_session_details import load
from lyceum.local.runner.service import Asked, Runner, open_bundle
from lyceum.ops.quarantine import QUARANTINE
from lyceum.silver.lms import EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS
from lyceum.storage import Lakehouse

ROOT = Path(lyceum.__file__).parents[2]
OF_A_RUN = {"load_id", "fetched_at", "updated_at", "seen_at"}


def content(lake):
    """The rows of every LMS table, without what differs from run to run."""
    tables = (LMS_EVENT_SESSION_DETAILS, EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS, QUARANTINE)
    return {table.name: sorted(rows_of(lake.read(table))) for table in tables}


def rows_of(frame):
    kept = [column for column in frame.columns if column not in OF_A_RUN]
    return [str(tuple(row)) for row in frame.select(*kept).collect()]


def elsewhere(lake, folder):
    """The same session with tables of another home."""
    for schema in lake.config.schemas.values():
        lake.spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    home = replace(lake.config, home=folder, warehouse=f"{folder}/warehouse")
    return Lakehouse(lake.spark, home)


@pytest.mark.slow
def test_the_job_gives_the_tables_that_the_command_gives(lake, tmp_path):
    with small_lms(dirt="missing_id=0.2,garbage_time=0.2,nested_product=0.2") as lms:
        load(lms_job(lake, lms))
        by_command = content(lake)
        other = elsewhere(lake, tmp_path / "runner")
        environment = {
            "LMS_BASE_URL": lms.url,
            "LMS_CLIENT_ID": lms.config.client_id,
            "LMS_CLIENT_SECRET": lms.config.client_secret,
        }
        config = replace(other.config, environ={**other.config.environ, **environment})
        runner = Runner(open_bundle(config, ROOT, None, {}), config)
        record, result = runner.run(runner.request("lms_session_details", Asked()))
    assert result == "SUCCESS", record.facts
    assert {attempt.state for attempt in record.last().values()} == {"SUCCESS"}
    assert content(Lakehouse(lake.spark, config)) == by_command

"""The bundle's LMS job, run on this machine, does what the command does.

After it the command finds nothing to change, so their tables are the same.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from lms_lake import lms_job, sessions_in, small_lms, version

import lyceum
from bundlerun.config import Config as RunnerConfig
from bundlerun.runner.service import Asked, Runner, open_bundle
from bundlerun.runner.view import failure_summary
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.ledger import ETL_JOB_RUNS
from lyceum.systems.lms.job import load
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS

ROOT = Path(lyceum.__file__).parents[2]
TABLES = (EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS, QUARANTINE)


@pytest.mark.slow
def test_the_job_fills_the_tables_as_the_command_does(lake):
    with small_lms(dirt="missing_id=0.2,garbage_time=0.2,nested_product=0.2") as lms:
        environment = {
            "LMS_BASE_URL": lms.url,
            "LMS_CLIENT_ID": lms.config.client_id,
            "LMS_CLIENT_SECRET": lms.config.client_secret,
        }
        config = replace(lake.config, environ={**lake.config.environ, **environment})
        settings = RunnerConfig.load(config.home, config.environ, folder=ROOT)
        runner = Runner(open_bundle(settings, ROOT, None, {}), settings)
        record, result = runner.run(runner.request("lms_session_details", Asked()))
        assert result == "SUCCESS", failure_summary(record)
        assert {attempt.state for attempt in record.last().values()} == {"SUCCESS"}
        rows = lake.read(ETL_JOB_RUNS).select("job_run_id", "task_run_id").distinct().collect()
        assert {row.job_run_id for row in rows} == {record.run_id}
        assert len({row.task_run_id for row in rows}) == len(record.last())
        before = {table.name: version(lake, table) for table in TABLES}
        load(lms_job(lake, lms))
        assert {table.name: version(lake, table) for table in TABLES} == before
        assert sessions_in(lake)

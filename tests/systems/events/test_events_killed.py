"""A run of the event pipeline that is killed in any stage is finished by the next one."""

import signal

import pytest
from events_world import CLEAN, deliver, in_quarantine, outputs, process

from lakes import fresh, lake_in
from lyceum.runs.ledger import ETL_JOB_STATUS
from lyceum.systems.events.bronze import LANDING_TABLES
from processes import killed_at

RUN = ("events", "run")
STEPS = (
    "writing bronze.landing_events",
    "written bronze.landing_participants",
    "writing silver.lm_events",
    "written silver.lm_participants",
    "writing gold.event_performance_kpi",
    "writing ops.pipeline_events",
    "writing ops.quarantine",
)


@pytest.mark.slow
def test_a_run_killed_in_every_stage_ends_as_if_it_had_never_been(lake, tmp_path):
    """SIGKILL when files are prepared, and after each write up to the quarantine."""
    home = lake.config.home
    deliver(lake, CLEAN)
    for step in STEPS:
        assert killed_at(step, home, RUN) == -signal.SIGKILL, step
    assert in_quarantine(fresh(lake)) == []
    assert killed_at("no step", home, RUN) == 0

    ended, untouched = fresh(lake), lake_in(lake, tmp_path / "untouched")
    found, broken = outputs(ended), in_quarantine(ended)
    runs = ended.view(ETL_JOB_STATUS)
    died = runs.where("status = 'FAILED' AND error_message LIKE 'its process died%'")
    assert died.count() == len(STEPS)
    assert runs.where("status = 'SUCCESS'").count() == 1
    for table in LANDING_TABLES.values():
        rows = ended.read(table)
        assert rows.count() == rows.dropDuplicates(table.keys).count() > 0
    process(untouched, CLEAN)
    assert (found, broken) == (outputs(untouched), in_quarantine(untouched))

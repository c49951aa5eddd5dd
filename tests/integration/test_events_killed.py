"""A run of the event pipeline that is killed in any stage is finished by the next one."""

import signal

import pytest
from connect import connect_server
from events_world import CLEAN, deliver, in_quarantine, outputs, process
from lakes import fresh, lake_in
from processes import killed_at

from lyceum.bronze.landing import LANDING_TABLES
from lyceum.ops.landing import LANDING_PUBLICATIONS
from lyceum.ops.ledger import ETL_JOB_STATUS

RUN = ("events", "run")
STEPS = (
    "writing bronze.landing_events",
    "writing silver.lm_events",
    "writing silver.lm_participants",
    "writing gold.event_performance_kpi",
    "writing ops.landing_publications",
)


@pytest.mark.slow
def test_a_run_killed_in_every_stage_ends_as_if_it_had_never_been(lake, tmp_path):
    """SIGKILL when files are prepared, and after each write up to the mark.

    One of them takes its own JVM along; a Spark Connect server outlives its clients.
    """
    home = lake.config.home
    deliver(lake, CLEAN)
    with connect_server(home) as remote:
        for step in STEPS:
            server = {} if step == "writing silver.lm_participants" else remote
            assert killed_at(step, home, RUN, env=server) == -signal.SIGKILL, step
        assert fresh(lake).read(LANDING_PUBLICATIONS).isEmpty()
        assert killed_at("no step", home, RUN, env=remote) == 0

    ended, untouched = fresh(lake), lake_in(lake, tmp_path / "untouched")
    found, broken = outputs(ended), in_quarantine(ended)
    runs = ended.view(ETL_JOB_STATUS)
    assert runs.where("status = 'FAILED' AND error_message LIKE 'its process died%'").count() == 5
    assert runs.where("status = 'SUCCESS'").count() == 1
    for table in LANDING_TABLES.values():
        rows = ended.read(table)
        assert rows.count() == rows.dropDuplicates(table.keys).count() > 0
    process(fresh(untouched), CLEAN)
    assert (found, broken) == (outputs(untouched), in_quarantine(untouched))

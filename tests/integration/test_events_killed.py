"""A run of the event pipeline that is killed in any stage is finished by the next one."""

import pytest
from events_world import CLEAN, deliver, in_quarantine, outputs, process
from lakes import fresh, lake_in
from processes import is_done, killed_when, started, starts

from lyceum.bronze.landing import LANDING_TABLES
from lyceum.ops.landing import LANDING_PUBLICATIONS
from lyceum.ops.ledger import ETL_JOB_STATUS

LAST = "Merge quarantine and key figures"
STAGES = (
    starts("Append to bronze"),
    starts("Merge events"),
    starts("Merge participants"),
    starts(LAST),
    is_done(LAST),
)


@pytest.mark.slow
def test_a_run_killed_in_every_stage_ends_as_if_it_had_never_been(lake, tmp_path):
    """SIGKILL takes the JVM along: after preparing, and after each write up to the last mark."""
    home = lake.config.home
    deliver(lake, CLEAN)
    for reached in STAGES:
        killed_when(started(home, "events", "run"), reached)
    assert fresh(lake).read(LANDING_PUBLICATIONS).isEmpty()
    with started(home, "events", "run") as last:
        assert last.wait() == 0

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

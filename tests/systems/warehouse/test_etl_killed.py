"""A run of the warehouse that is killed in any stage is finished by the next one."""

import shutil
import signal

import pytest
from oltp_world import CONFIG

from lakes import fresh, lake_in
from lyceum.runs.ledger import ETL_JOB_STATUS
from lyceum.systems.warehouse.bronze import BRONZE
from lyceum.systems.warehouse.facts import FACTS
from lyceum.systems.warehouse.gold.dimensions import (
    DIM_LEARNER,
    DIM_SKILL,
    DIM_SUBJECT,
    DIM_TENANT,
    DIM_USER,
)
from processes import killed_at

RUN = ("etl", "run", "--date", str(CONFIG.until))
STEPS = (
    "writing bronze.oltp_learners",
    "written bronze.oltp_learners",
    "writing silver.learner_history",
    "written silver.learner_history",
    "writing gold.dim_learner",
    "written gold.dim_learner",
    "writing gold.fact_sessions",
    "written gold.fact_sessions",
    "written gold.fact_learning_progress",
)
DIMENSIONS = (DIM_TENANT, DIM_LEARNER, DIM_USER, DIM_SUBJECT, DIM_SKILL)


def outputs(lake):
    """Everything but the times of snapshots, which deletes have as `updated_at` too."""
    tables = [*BRONZE.values(), *DIMENSIONS, *(fact.table for fact in FACTS.values())]
    frames = {table.name: lake.read(table).drop("_snapshot_at", "updated_at") for table in tables}
    return {name: sorted(map(str, frame.collect())) for name, frame in frames.items()}


@pytest.mark.slow
def test_a_run_killed_in_every_stage_ends_as_if_it_had_never_been(
    oltp, synced, synced_home, tmp_path
):
    """SIGKILL before and after each kind of write, from bronze to the last fact."""
    env = {"OLTP_DATABASE_URL": oltp.url}
    untouched = tmp_path / "untouched"
    shutil.copytree(synced_home, untouched)
    oltp.run(
        "UPDATE learners SET grade_level = 12, updated_at = clock_timestamp() "
        "WHERE id::text LIKE '%2'",
        "DELETE FROM skills WHERE code = 'art-01'",
        f"UPDATE learning_sessions SET started_at = '{CONFIG.until} 01:00Z' WHERE device = 'phone'",
    )
    home = synced.config.home
    for step in STEPS:
        assert killed_at(step, home, RUN, env=env) == -signal.SIGKILL, step
    assert killed_at("no step", home, RUN, env=env) == 0
    assert killed_at("no step", untouched, RUN, env=env) == 0

    ended, once = fresh(synced), lake_in(synced, untouched)
    assert outputs(ended) == outputs(once)
    runs = ended.view(ETL_JOB_STATUS)
    died = runs.where("status = 'FAILED' AND error_message LIKE 'its process died%'")
    assert died.count() == len(STEPS)
    assert runs.where("status = 'RUNNING'").count() == 0

"""A run that was stopped anywhere goes on where it stopped."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lakes import fresh, lake_in
from lyceum.lakehouse import Lakehouse
from lyceum.runs.checkpoints import PIPELINE_CHECKPOINT, PIPELINE_STAGE_STATUS
from lyceum.runs.ledger import ETL_JOB_STATUS
from lyceum.runs.run import Run

STAGES = ("products", "countries")


def run_pipeline(lake: Lakehouse, *, version: int = 1, fails_in: str | None = None) -> str:
    """Two stages that note in a file that they ran; gives the run's id."""

    def work(stage: str) -> None:
        with (lake.config.home / "done.txt").open("a", encoding="utf-8") as file:
            file.write(f"{stage}\n")
        if stage == fails_in:
            raise ValueError(f"{stage} broke")

    parameters = {"version": version}
    with Run.of(lake, "performance", parameters, stages=STAGES, resume=True) as run:
        for stage in STAGES:
            run.perform(stage, lambda stage=stage: work(stage))
    return run.id


def worked(lake: Lakehouse) -> list[str]:
    file = lake.config.home / "done.txt"
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def rows(lake: Lakehouse) -> list[dict[str, object]]:
    """All checkpoints in the order in which they were reached; the pending ones as declared."""
    found = lake.read(PIPELINE_CHECKPOINT).orderBy("updated_at").collect()
    return [row.asDict() for row in found]


def states(lake: Lakehouse) -> list[tuple[str, str]]:
    return [(row["stage"], row["status"]) for row in rows(lake)]


def ended(lake: Lakehouse) -> list[str]:
    """How each run ended, in the order in which they began."""
    return [row.status for row in lake.view(ETL_JOB_STATUS).orderBy("started_at").collect()]


def test_a_run_has_a_checkpoint_before_and_after_every_stage(lake):
    run_pipeline(lake)
    assert states(lake) == [
        ("products", "pending"),
        ("countries", "pending"),
        ("products", "in_progress"),
        ("products", "completed"),
        ("countries", "in_progress"),
        ("countries", "completed"),
    ]


def test_a_run_that_failed_goes_on_with_the_stage_that_failed(lake):
    """Under the same run id; the failure keeps its reason."""
    with pytest.raises(ValueError, match="countries broke"):
        run_pipeline(lake, fails_in="countries")
    failed = [row for row in rows(lake) if row["status"] == "failed"]
    assert [row["stage"] for row in failed] == ["countries"]
    assert json.loads(failed[0]["metadata"]) == {"error": "countries broke", "kind": "ValueError"}
    assert run_pipeline(lake) == failed[0]["run_id"]
    assert worked(lake) == ["products", "countries", "countries"]


def test_a_completed_run_is_not_resumed(lake):
    assert run_pipeline(lake) != run_pipeline(lake)
    assert worked(lake) == ["products", "countries"] * 2


def test_an_unfinished_run_with_other_parameters_is_given_up(lake):
    """What its stages did is of another version of the data; it stays as failed."""
    with pytest.raises(ValueError, match="countries broke"):
        run_pipeline(lake, fails_in="countries")
    run_pipeline(lake, version=2)
    assert worked(lake) == ["products", "countries"] * 2
    assert ended(lake) == ["FAILED", "SUCCESS"]


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from pocketlake.observe import followed
from lyceum.settings import Settings
from lyceum.lakehouse import Lakehouse
from lyceum.session import new_session
from test_ops_checkpoints import run_pipeline

config = Settings.load(Path(sys.argv[1]))
lake, killed_at, steps = Lakehouse(new_session(config), config), int(sys.argv[2]), iter(range(1000))

def kill(kind, subject):
    about_a_run = subject in ("ops.etl_job_runs", "ops.pipeline_checkpoint")
    if kind in ("writing", "written") and about_a_run and next(steps) == killed_at:
        os.kill(os.getpid(), signal.SIGKILL)

with followed(kill):
    run_pipeline(lake)
"""


def in_a_process(home: Path, *, killed_at: int) -> int:
    """Run the pipeline in a process of its own, killed at its n-th step; gives the exit code."""
    command = [sys.executable, "-c", KILLED_AT, str(home), str(killed_at)]
    paths = f"{Path(__file__).parent}{os.pathsep}{Path(__file__).parents[1]}"
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(command, check=False, env=environment, timeout=60).returncode


@pytest.mark.parametrize("step", range(0, 10, 2))
def test_killed_at_any_step_a_run_goes_on_and_repeats_at_most_one_stage(lake, tmp_path, step):
    """Before and after a checkpoint; what is run again ends in a completed run."""
    lake = lake_in(lake, tmp_path)
    assert in_a_process(lake.config.home, killed_at=step) == -signal.SIGKILL
    run_pipeline(fresh(lake))
    assert ended(lake)[-1] == "SUCCESS"
    assert "RUNNING" not in ended(lake)
    counts = {stage: worked(lake).count(stage) for stage in STAGES}
    assert set(counts.values()) <= {1, 2}
    assert sum(counts.values()) <= 3
    latest = lake.view(PIPELINE_STAGE_STATUS).collect()
    assert {(row.stage, row.status) for row in latest} == {(stage, "completed") for stage in STAGES}

"""A run that was stopped anywhere goes on where it stopped; rows wait safely for their tables."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from lyceum.config import Config
from lyceum.ops.checkpoints import StageNameError, pipeline_run, waiting_checkpoints
from lyceum.ops.logs import PIPELINE_LOGS
from lyceum.ops.outbox import Outbox, _opened
from lyceum.storage import Lakehouse
from lyceum.storage.observe import followed

FORK = multiprocessing.get_context("fork")
STAGES = ("products", "countries")


class Tags:
    """The part of a session that marks jobs; the stages here need no other."""

    def __init__(self) -> None:
        self.tags: set[str] = set()
        self.addTag, self.removeTag = self.tags.add, self.tags.discard

    def getTags(self) -> set[str]:  # noqa: N802 - of Spark
        return self.tags


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    return Lakehouse(Tags(), Config.load(tmp_path, environ={}))  # type: ignore[arg-type]


def run_pipeline(lake: Lakehouse, *, version: int = 1, fails_in: str | None = None) -> str:
    """Two stages that note in a file that they ran; gives the run's id."""

    def work(stage: str) -> None:
        with (lake.config.home / "done.txt").open("a", encoding="utf-8") as file:
            file.write(f"{stage}\n")
        if stage == fails_in:
            raise ValueError(f"{stage} broke")

    with pipeline_run(lake, "performance", {"version": version}, stages=STAGES) as run:
        for stage in STAGES:
            run.perform(stage, lambda stage=stage: work(stage))
    return run.id


def worked(lake: Lakehouse) -> list[str]:
    file = lake.config.home / "done.txt"
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def states(lake: Lakehouse) -> list[tuple[str, str]]:
    rows = waiting_checkpoints(lake)._run("SELECT row FROM entry ORDER BY id").fetchall()
    return [(row["stage"], row["status"]) for row in (json.loads(text) for (text,) in rows)]


def test_a_run_has_a_checkpoint_before_and_after_every_stage(lake):
    run_pipeline(lake)
    assert states(lake) == [
        ("run", "in_progress"),
        ("products", "pending"),
        ("countries", "pending"),
        ("products", "in_progress"),
        ("products", "completed"),
        ("countries", "in_progress"),
        ("countries", "completed"),
        ("run", "completed"),
    ]


def test_a_run_that_failed_goes_on_with_the_stage_that_failed(lake):
    """Under the same run id; the failure keeps its reason."""
    with pytest.raises(ValueError, match="countries broke"):
        run_pipeline(lake, fails_in="countries")
    rows = waiting_checkpoints(lake)._run("SELECT row FROM entry").fetchall()
    failed = [row for row in (json.loads(text) for (text,) in rows) if row["status"] == "failed"]
    assert [row["stage"] for row in failed] == ["countries", "run"]
    assert json.loads(failed[0]["metadata"]) == {"error": "countries broke", "kind": "ValueError"}
    assert run_pipeline(lake) == failed[0]["run_id"]
    assert worked(lake) == ["products", "countries", "countries"]


def test_a_completed_run_is_not_resumed(lake):
    assert run_pipeline(lake) != run_pipeline(lake)
    assert worked(lake) == ["products", "countries"] * 2


def test_an_unfinished_run_with_other_parameters_is_given_up(lake):
    """What its stages did is of another version of the data."""
    with pytest.raises(ValueError, match="countries broke"):
        run_pipeline(lake, fails_in="countries")
    run_pipeline(lake, version=2)
    assert worked(lake) == ["products", "countries"] * 2
    rows = waiting_checkpoints(lake)._run("SELECT row FROM entry").fetchall()
    reasons = [
        json.loads(json.loads(text)["metadata"] or "{}").get("error", "") for (text,) in rows
    ]
    assert [r for r in reasons if "given up: run" in r and "has other parameters" in r]


def test_no_stage_is_called_run(lake):
    message = "expected a stage not to be called run"
    with (
        pytest.raises(StageNameError, match=message),
        pipeline_run(lake, "performance") as run,
        run.stage("run"),
    ):
        pytest.fail("a stage called run")


def in_a_process(lake: Lakehouse, *, killed_at: int | None) -> int:
    """Run the pipeline in a process of its own, killed at its n-th step; gives the exit code."""

    def body() -> None:
        _opened.cache_clear()
        steps = iter(range(1000))

        def kill(kind: str, subject: str) -> None:
            if next(steps) == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)

        with followed(kill):
            run_pipeline(lake)

    process = FORK.Process(target=body)
    process.start()
    process.join(30)
    return process.exitcode or 0


def test_killed_at_any_step_a_run_goes_on_and_repeats_at_most_one_stage(tmp_path):
    """16 kills, before and after each of 8 checkpoints; one kill more ends in a completed run."""
    outcomes = []
    for step in range(16):
        lake = Lakehouse(Tags(), Config.load(tmp_path / str(step), environ={}))  # type: ignore[arg-type]
        assert in_a_process(lake, killed_at=step) == -signal.SIGKILL
        assert in_a_process(lake, killed_at=None) == 0
        outcomes.append({stage: worked(lake).count(stage) for stage in STAGES})
        assert states(lake)[-1] == ("run", "completed")
    assert {count for outcome in outcomes for count in outcome.values()} == {1, 2}
    # The last checkpoint of all is the one that ends the run: killed after it, all is done anew.
    assert all(sum(outcome.values()) <= 3 for outcome in outcomes[:-1])


def test_rows_and_notes_are_kept_together_or_not_at_all(tmp_path):
    waiting = Outbox(PIPELINE_LOGS, tmp_path / "x.db", survives_power_loss=True)
    with pytest.raises(TypeError, match="keys must be str"):
        waiting.put([{"n": 1}], {"done": {("no", "key of JSON"): 1}})
    assert (waiting.waiting, waiting.note("done")) == (0, None)


def test_what_was_put_is_there_for_the_next_process(tmp_path):
    file = tmp_path / "x.db"
    Outbox(PIPELINE_LOGS, file, survives_power_loss=True).put([{"n": 1}], {"at": [1, 2]})
    again = Outbox(PIPELINE_LOGS, file, survives_power_loss=True)
    assert (again.waiting, again.note("at")) == (1, [1, 2])


def test_an_append_waits_until_the_runs_have_paid_for_it(tmp_path):
    """3 s, the first guess, are 1% of 300 s."""
    waiting = Outbox(PIPELINE_LOGS, tmp_path / "x.db", survives_power_loss=True)
    assert [waiting.earn(seconds) for seconds in (50, 200, 49, 2)] == [False, False, False, True]

"""The run ledger: what becomes of a run, whatever becomes of its process."""

import json
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from structlog.contextvars import bound_contextvars

from lakes import fresh
from lyceum.lakehouse import Lakehouse
from lyceum.runs.ledger import ETL_JOB_RUNS, ETL_JOB_STATUS
from lyceum.runs.locks import JOB_LOCKS, JobIsRunningError, take_turn
from lyceum.runs.logs import PIPELINE_LOGS, append_logs, get_logger, log_file, open_logs
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.runs.watermarks import WATERMARKS, Watermark
from pocketlake import Version, Written
from tables import assert_rows


def died(lake, job_name, **parameters) -> Run:
    """A run whose process died under way."""
    run = Run(lake, job_name, parameters, Reporter())
    run.begin()
    return run


def fail():
    raise ZeroDivisionError("no months")


def test_a_run_ends_the_one_that_died_before_it(lake):
    """Each state is in the table once, whoever looks meanwhile; a run that failed is no dead one."""
    dead = died(lake, "sales", months=["2026-01"])
    with Run.of(lake, "sales") as following, following.stage("load"):
        following.rows_processed = 7
        following.count(Written(inserted=3), Written(updated=2, deleted=1))
    with pytest.raises(ZeroDivisionError), Run.of(lake, "sales") as fails, fails.stage("load"):
        fail()
    with Run.of(lake, "lms") as other:
        other.begin()

    assert lake.read(ETL_JOB_RUNS).groupBy("status").count().orderBy("status").collect() == [
        ("FAILED", 2), ("RUNNING", 4), ("SUCCESS", 2)
    ]  # fmt: skip
    names = {dead.id: "dead", following.id: "following", fails.id: "fails", other.id: "other"}
    assert_rows(
        lake.view(ETL_JOB_STATUS).replace(names, subset=["id"]).replace(
            f"its process died; found by run {following.id}", "died; found by the following"
        ),
        """
        id        | job_name | status  | rows_processed | rows_inserted | rows_updated | error_message                | parameters
        dead      | sales    | FAILED  | 0              | 0             | 0            | died; found by the following | {"months": ["2026-01"]}
        following | sales    | SUCCESS | 7              | 3             | 2            | NULL                         | {}
        fails     | sales    | FAILED  | 0              | 0             | 0            | no months                    | {}
        other     | lms      | SUCCESS | 0              | 0             | 0            | NULL                         | {}
        """,
    )  # fmt: skip


def test_a_run_that_finds_nothing_to_do_ends_the_dead_one_and_leaves_no_row(lake):
    """A process that was killed at its very end does not show as running for ever."""
    died(lake, "sales")
    with Run.of(lake, "sales"):
        pass
    assert [row.status for row in lake.view(ETL_JOB_STATUS).collect()] == ["FAILED"]
    commits = lake.version(ETL_JOB_RUNS)
    with Run.of(lake, "sales"):
        pass
    assert lake.version(ETL_JOB_RUNS) == commits


def test_a_failure_before_the_first_stage_leaves_a_row(lake):
    """Settings that are wrong, a server that does not answer; secrets are in no row."""
    with pytest.raises(ValueError, match="expected"), Run.of(lake, "lms", {"password": "hunter22"}):
        raise ValueError("expected a URL, found https://ann:hunter22@lms: password=hunter22")
    assert_rows(
        lake.read(ETL_JOB_RUNS),
        """
        job_name | status | error_message                                         | parameters
        lms      | FAILED | expected a URL, found https://ann:***@lms: password=*** | {"password": "***"}
        """,
    )


def fail_with_a_full_disk(monkeypatch):
    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("lyceum.runs.run.record", full)
    fail()


def test_an_error_that_cannot_be_recorded_is_the_one_that_is_raised(lake, monkeypatch):
    with pytest.raises(ZeroDivisionError), Run.of(lake, "sales"):
        fail_with_a_full_disk(monkeypatch)


def test_a_row_says_which_run_of_the_workspace_it_is(lake):
    ids = replace(lake.config, job_run_id="71", task_run_id="72")
    with Run.of(Lakehouse(lake.spark, ids), "sales") as run:
        run.begin()
    rows = lake.read(ETL_JOB_RUNS).select("job_run_id", "task_run_id").collect()
    assert rows == [("71", "72")] * 2


def test_a_day_that_is_built_can_be_skipped(lake):
    """The row of a run that was skipped says why."""
    for _ in range(2):
        with Run.of(lake, "facts", target_date=date(2026, 1, 15)) as run:
            if run.is_built():
                run.skip("2026-01-15 is built: --force builds it again")
            else:
                run.begin()
    assert_rows(
        lake.view(ETL_JOB_STATUS),
        """
        job_name | target_date | status  | error_message
        facts    | 2026-01-15  | SUCCESS | NULL
        facts    | 2026-01-15  | SKIPPED | 2026-01-15 is built: --force builds it again
        """,
    )


def test_a_run_that_is_refused_because_another_one_runs_leaves_a_row(lake):
    """It does not look like the end of the one that runs."""
    with Run.of(lake, "sales") as first:
        first.begin()
        with pytest.raises(JobIsRunningError), Run.of(fresh(lake), "sales", wait_seconds=0):
            pytest.fail("two at once")
    found = lake.view(ETL_JOB_STATUS).orderBy("started_at").collect()
    assert [(row.status, "found it running" in (row.error_message or "")) for row in found] == [
        ("SUCCESS", False),
        ("SKIPPED", True),
    ]


def test_watermarks_say_how_far_a_job_got_in_each_slice(lake):
    """The same again is no commit; another job has its own."""
    one, two = Version("t", 1), Version("t", 2)
    versions = []
    for _ in range(2):
        with Run.of(lake, "monthly") as run:
            assert run.watermark(ETL_JOB_RUNS) is None
            run.advance(ETL_JOB_RUNS, Watermark(one, "01", {"rows": 3}), Watermark(one, "02"))
        versions.append(lake.version(WATERMARKS))
    assert versions[0] == versions[1]
    with Run.of(lake, "monthly") as run:
        run.advance(ETL_JOB_RUNS, Watermark(two, "02"))
        run.advance(JOB_LOCKS, Watermark(two))
    with Run.of(fresh(lake), "monthly") as run:
        assert run.watermark(JOB_LOCKS) == Watermark(two)
        assert run.watermarks(ETL_JOB_RUNS) == {
            "01": Watermark(one, "01", {"rows": 3}),
            "02": Watermark(two, "02"),
        }
        run.forget(ETL_JOB_RUNS)
        assert run.watermarks(ETL_JOB_RUNS) == {}
    with Run.of(lake, "yearly") as run:
        assert run.watermark(JOB_LOCKS) is None


def test_of_two_runs_that_start_at_once_without_file_locks_one_fails(lake):
    """Both have seen the same turn; a later one takes over, as nobody knows whether the first lives."""
    take_turn(lake, "sales", "first")
    rivals = [fresh(lake), fresh(lake)]
    seen, losers = threading.Barrier(2), []

    def start(rival, run_id):
        merge = rival.merge

        def merge_together(*args, **kwargs):
            seen.wait(20)
            return merge(*args, **kwargs)

        rival.merge = merge_together
        try:
            take_turn(rival, "sales", run_id)
        except JobIsRunningError as error:
            losers.append(str(error))

    threads = [threading.Thread(target=start, args=(r, f"rival {i}")) for i, r in enumerate(rivals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (loser,) = losers
    assert "expected sales to be free, found it running (another run started at the same" in loser
    row = lake.read(JOB_LOCKS).collect()
    assert [(r.turn, r.run_id.startswith("rival")) for r in row] == [(2, True)]
    take_turn(lake, "sales", "later")
    assert [r.turn for r in lake.read(JOB_LOCKS).collect()] == [3]


def test_what_a_run_logs_is_in_the_table_when_it_has_ended(lake):
    """Also of a run that failed, in whatever module it was logged."""
    with pytest.raises(ZeroDivisionError), Run.of(lake, "sales") as run, run.stage("load"):
        fail()
    assert_rows(
        lake.read(PIPELINE_LOGS).replace(run.id, "fails"),
        """
        level | message     | pipeline_name | run_id
        INFO  | run started | sales         | fails
        ERROR | stage failed | sales        | fails
        ERROR | run failed  | sales         | fails
        """,
    )


def test_log_lines_that_cannot_be_appended_never_stop_the_work(lake):
    """The folder of the schema is a file: the log file has the lines and says what is missing."""
    Path(lake.config.warehouse).mkdir()
    Path(lake.config.warehouse, "ops").write_text("", encoding="utf-8")
    open_logs(lake.config)
    with bound_contextvars(pipeline_name="sales", run_id="r1"):
        get_logger("lyceum.test").info("going on")
    append_logs(lake)
    lines = log_file(lake.config).read_text(encoding="utf-8").splitlines()
    messages = [json.loads(line)["message"] for line in lines]
    assert messages == ["going on", "log lines are missing in the table"]

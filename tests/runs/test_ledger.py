"""The run ledger."""

import json
from pathlib import Path

import pytest
from structlog.contextvars import bound_contextvars

from lyceum.runs.ledger import ETL_JOB_RUNS, ETL_JOB_STATUS, Run, _event, _record, recorded_run
from lyceum.runs.logs import PIPELINE_LOGS, append_logs, get_logger, log_file, open_logs
from tables import assert_rows


def test_a_run_ends_the_one_that_died_before_it(lake):
    """Each state is in the table once, whoever looks meanwhile; a run that failed is no dead one."""
    died = Run("sales", {"months": ["2026-01"]})
    _record(lake, [_event(died, "RUNNING")])
    with recorded_run(lake, "sales", {}, run_id="next") as run:
        run.rows_processed = 7
    with pytest.raises(ZeroDivisionError), recorded_run(lake, "sales", {}, run_id="fails"):
        raise ZeroDivisionError("no months")
    with recorded_run(lake, "lms", {}, run_id="other"):
        pass

    assert lake.read(ETL_JOB_RUNS).groupBy("status").count().orderBy("status").collect() == [
        ("FAILED", 2), ("RUNNING", 4), ("SUCCESS", 2)
    ]  # fmt: skip
    assert_rows(
        lake.view(ETL_JOB_STATUS).replace(died.id, "died"),
        """
        id    | job_name | status  | rows_processed | error_message                      | parameters
        died  | sales    | FAILED  | 0              | its process died; found by run next | {"months": ["2026-01"]}
        next  | sales    | SUCCESS | 7              | NULL                               | {}
        fails | sales    | FAILED  | 0              | no months                          | {}
        other | lms      | SUCCESS | 0              | NULL                               | {}
        """,
    )


def test_what_a_run_logs_is_in_the_table_when_it_has_ended(lake):
    """Also of a run that failed, in whatever module it was logged."""
    with pytest.raises(ZeroDivisionError), recorded_run(lake, "sales", {}, run_id="fails"):
        raise ZeroDivisionError("no months")
    assert_rows(
        lake.read(PIPELINE_LOGS),
        """
        level | message     | pipeline_name | run_id
        INFO  | run started | sales         | fails
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

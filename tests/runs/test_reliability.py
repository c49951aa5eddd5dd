"""The reliability kit over real Delta: rows that land once, queries, clean-up, conflicts."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from lakes import fresh, lake_at
from lyceum.cli import main
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.operations.health import named_query, show_health
from lyceum.runs.checkpoints import PIPELINE_CHECKPOINT, PIPELINE_STAGE_STATUS
from lyceum.runs.cleanup import clean_up
from lyceum.runs.ledger import ETL_JOB_RUNS
from lyceum.runs.logs import PIPELINE_LOGS, get_logger, log_file
from lyceum.runs.reporter import Reporter
from lyceum.runs.retry import RetryPolicy, with_retries
from lyceum.runs.run import Run
from lyceum.settings import Settings
from tables import draw

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
CHECKPOINTS = """
id | pipeline_name | run_id | stage     | checkpoint_key | status      | start_time          | end_time            | duration_ms | metadata              | updated_at
a2 | sales         | r1     | products  | stage          | in_progress | 2026-06-29 08:00:01 | NULL                | NULL        | NULL                  | 2026-06-29 08:00:01
a3 | sales         | r1     | products  | stage          | completed   | 2026-06-29 08:00:01 | 2026-06-29 08:00:05 | 4000        | NULL                  | 2026-06-29 08:00:05
a4 | sales         | r1     | countries | stage          | failed      | 2026-06-29 08:00:05 | 2026-06-29 08:00:06 | 1000        | {"error": "disk"}     | 2026-06-29 08:00:06
b1 | sales         | r1     | countries | stage          | completed   | 2026-06-29 09:00:00 | 2026-06-29 09:00:02 | 2000        | NULL                  | 2026-06-29 09:00:02
c1 | sales         | r2     | products  | stage          | completed   | 2026-06-29 10:00:00 | 2026-06-29 10:00:08 | 8000        | NULL                  | 2026-06-29 10:00:08
d1 | lms           | old    | fetch     | stage          | failed      | 2026-01-01 00:00:00 | 2026-01-01 00:00:09 | 9000        | {"error": "http_500"} | 2026-01-01 00:00:09
"""
RUNS = """
id  | job_name | run_date   | status  | duration_ms | error_message | started_at          | recorded_at
r1  | sales    | 2026-06-29 | RUNNING | NULL        | NULL          | 2026-06-29 08:00:00 | 2026-06-29 08:00:00
r1  | sales    | 2026-06-29 | FAILED  | 6000        | disk          | 2026-06-29 08:00:00 | 2026-06-29 08:00:06
r1  | sales    | 2026-06-29 | RUNNING | NULL        | NULL          | 2026-06-29 09:00:00 | 2026-06-29 09:00:00
r1  | sales    | 2026-06-29 | SUCCESS | 2000        | NULL          | 2026-06-29 09:00:00 | 2026-06-29 09:00:02
r2  | sales    | 2026-06-29 | RUNNING | NULL        | NULL          | 2026-06-29 10:00:00 | 2026-06-29 10:00:00
r3  | lms      | 2026-06-29 | FAILED  | 9000        | no answer     | 2026-06-29 11:00:00 | 2026-06-29 11:00:09
old | lms      | 2024-01-01 | FAILED  | 9000        | no answer     | 2024-01-01 00:00:00 | 2024-01-01 00:00:09
"""
LOGS = """
id | timestamp           | level   | message                    | logger | pipeline_name | run_id | module  | function | line | metadata
l1 | 2026-06-29 08:00:02 | INFO    | merged                     | x.y    | sales         | r1     | merging | merge    | 7    | {"rows": 3}
l2 | 2026-06-29 08:00:03 | WARNING | attempt 1 of merge failed  | x.y    | sales         | r1     | retry   | attempt  | 8    | {}
l3 | 2026-06-29 08:00:06 | ERROR   | retries of merge are used up | x.y  | sales         | r1     | retry   | with_retries | 9 | {}
l4 | 2026-06-29 10:00:01 | INFO    | merged                     | x.y    | sales         | r2     | merging | merge    | 7    | {}
l5 | 2026-01-01 00:00:01 | ERROR   | no answer                  | x.y    | lms           | old    | calls   | get      | 5    | {}
"""


@pytest.fixture(scope="module")
def lake(spark, config: Settings, tmp_path_factory) -> Lakehouse:
    """A lakehouse with the drawn checkpoints and log lines."""
    home = tmp_path_factory.mktemp("reliability")
    lakehouse = lake_at(config, home)
    drawings = {PIPELINE_CHECKPOINT: CHECKPOINTS, PIPELINE_LOGS: LOGS, ETL_JOB_RUNS: RUNS}
    for table, text in drawings.items():
        types = {f.name: f.dataType.simpleString() for f in lakehouse.read(table).schema}
        drawn = draw(lakehouse.spark, text, types)
        missing = [f"CAST(NULL AS {types[c]}) AS {c}" for c in types if c not in drawn.columns]
        lakehouse.append(table, drawn.selectExpr("*", *missing))
    return lakehouse


def test_health_answers_what_an_operator_asks(lake):
    """One SQL file a question; what is from before the time that is asked for does not count."""
    out = StringIO()
    show_health(lake, Reporter("json", out), since=NOW - timedelta(days=30))
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {a["name"]: [tuple(row.values()) for row in a["rows"]] for a in answers} == {
        # pipeline, runs, successful, failed, unfinished, average ms, last seen
        "Pipelines": [
            ("lms", 1, 0, 1, 0, 9000, "2026-06-29 11:00:09"),
            ("sales", 2, 1, 1, 0, 2000, "2026-06-29 10:00:00"),
        ],
        "Failed runs": [
            ("lms", "r3", "FAILED", "2026-06-29 11:00:00", "no answer"),
            ("sales", "r2", "DIED", "2026-06-29 10:00:00", None),
        ],
        "Failed stages": [("sales", "countries", 1, "2026-06-29 08:00:06", '{"error": "disk"}')],
        # pipeline, stage, average ms, longest ms, executions
        "Slow stages": [
            ("sales", "products", 6000, 8000, 2),
            ("sales", "countries", 2000, 2000, 1),
        ],
        # pipeline, failed attempts, retries used up, last seen
        "Retries": [("sales", 1, 1, "2026-06-29 08:00:06")],
        # level, lines, runs
        "Log lines": [("INFO", 2, 2), ("ERROR", 1, 1), ("WARNING", 1, 1)],
        "Latest errors": [
            ("2026-06-29 08:00:06", "sales", "r1", "retries of merge are used up", "{}")
        ],
    }


def test_a_trace_is_what_a_run_did_in_the_order_of_time(lake):
    trace = named_query(lake, "trace", run_id="r1")
    assert [(row.at.strftime("%H:%M:%S"), row.source, row.what, row.state) for row in trace.collect()] == [
        ("08:00:00", "ledger", "sales", "RUNNING"),
        ("08:00:01", "stage", "products", "in_progress"),
        ("08:00:02", "log", "merged", "INFO"),
        ("08:00:03", "log", "attempt 1 of merge failed", "WARNING"),
        ("08:00:05", "stage", "products", "completed"),
        ("08:00:06", "stage", "countries", "failed"),
        ("08:00:06", "log", "retries of merge are used up", "ERROR"),
        ("08:00:06", "ledger", "sales", "FAILED"),
        ("09:00:00", "ledger", "sales", "RUNNING"),
        ("09:00:02", "stage", "countries", "completed"),
        ("09:00:02", "ledger", "sales", "SUCCESS"),
    ]  # fmt: skip


def test_the_commands_show_and_refuse(lake, capfd):
    """Health of the last hour, a run by the start of its id, one line for a run that is not."""

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["--home", str(lake.config.home), "ops", *arguments])
        return code, "".join(capfd.readouterr())

    code, out = run("health", "--last", "1h")
    assert (code, out.count(": nothing")) == (0, 7)
    code, out = run("trace", "ol")
    assert (code, "http_500" in out) == (0, True)
    assert run("trace", "r") == (
        2,
        "lyceum: expected one run whose identifier begins with 'r', found r1 and r2\n",
    )
    code, out = run("trace", "nix")
    assert (code, "found none: `lyceum status` lists the runs" in out) == (2, True)


def test_clean_up_deletes_what_is_old_and_says_so(lake):
    """What is older than 90 days, runs older than two years; a dry run only counts."""
    old_file = log_file(lake.config).with_suffix(".jsonl.1")
    old_file.parent.mkdir(exist_ok=True)
    old_file.write_text("{}\n", encoding="utf-8")
    os.utime(old_file, (0, (NOW - timedelta(days=91)).timestamp()))
    arguments = {"older_than": timedelta(days=90), "now": NOW}
    counts = [
        (1, "ops.pipeline_checkpoint"),
        (1, "ops.pipeline_logs"),
        (1, "ops.etl_job_runs"),
        (1, "log files"),
    ]

    dry = clean_up(lake, dry_run=True, **arguments)
    assert [(r.count, r.what) for r in dry] == counts
    assert lake.read(PIPELINE_CHECKPOINT).count() == 6
    assert [(r.count, r.what) for r in clean_up(lake, **arguments)] == counts
    assert not old_file.exists()
    assert lake.read(PIPELINE_CHECKPOINT).where("run_id = 'old'").isEmpty()


def test_lines_of_a_run_are_in_the_table_once_when_its_stage_has_ended(lake):
    for _ in range(2):
        with Run.of(lake, "landing") as run:
            run.perform("only", lambda: get_logger("lyceum.test").info("seen", n=1))
    lines = lake.read(PIPELINE_LOGS).where("pipeline_name = 'landing' AND message = 'seen'")
    assert [(row.level, row.metadata) for row in lines.collect()] == [("INFO", '{"n": 1}')] * 2


COUNTERS = Table(
    name="ops.counters",
    grain="one row per counter",
    keys=("name",),
    columns="name STRING NOT NULL COMMENT 'Name', n INT COMMENT 'Value'",
)


def test_threads_that_merge_into_one_table_at_once_all_succeed(lake):
    """Some lose against another one and try again."""
    lake.append(COUNTERS, lake.rows(COUNTERS, [("x", 0)]))

    def put(n: int) -> None:
        rows = lake.rows(COUNTERS, [("x", n), (f"of {n}", n)])
        with_retries(lambda: lake.merge(COUNTERS, rows), RetryPolicy(backoff_base=0.05))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(put, (1, 2, 3)))
    rows = {row.name: row.n for row in lake.read(COUNTERS).collect()}
    assert rows == {"of 1": 1, "of 2": 2, "of 3": 3, "x": rows["x"]}
    assert rows["x"] in (1, 2, 3)


def test_another_machine_goes_on_with_an_unfinished_run(lake, tmp_path):
    """The first machine is gone with its disk; the second one goes on after the last full stage."""
    done: list[str] = []
    warehouse = str(tmp_path / "warehouse")
    machines = [
        fresh(
            Lakehouse(lake.spark, replace(lake.config, home=tmp_path / name, warehouse=warehouse))
        )
        for name in ("first", "second")
    ]

    def run_on(machine: Lakehouse, *, breaks: bool) -> str:
        with Run.of(machine, "p", {"v": 1}, resume=True) as run:
            run.perform("a", lambda: done.append("a"))
            if breaks:
                raise ValueError(run.id)
            run.perform("b", lambda: done.append("b"))
        return run.id

    with pytest.raises(ValueError, match=r"[0-9a-f]{32}") as broken:
        run_on(machines[0], breaks=True)
    assert run_on(machines[1], breaks=False) == str(broken.value)
    assert done == ["a", "b"]
    states = machines[1].view(PIPELINE_STAGE_STATUS).select("stage", "status").collect()
    assert {tuple(row) for row in states} == {
        ("a", "completed"),
        ("b", "completed"),
    }

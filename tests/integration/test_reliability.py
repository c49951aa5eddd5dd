"""The reliability kit over real Delta: rows that land once, queries, clean-up, circuits, conflicts."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from pyspark.sql import functions as F
from structlog.contextvars import get_contextvars

from lyceum.cli import main
from lyceum.config import Config
from lyceum.ops.checkpoints import (
    PIPELINE_CHECKPOINT,
    PIPELINE_STAGE_STATUS,
    land,
    pipeline_run,
    waiting_checkpoints,
)
from lyceum.ops.circuits import CIRCUIT_BREAKER_STATUS, POLICY, CircuitOpenError, guarded
from lyceum.ops.cleanup import clean_up
from lyceum.ops.health import named_query, show_health
from lyceum.ops.ledger import ETL_JOB_RUNS
from lyceum.ops.logs import PIPELINE_LOGS, get_logger, log_file
from lyceum.ops.reporter import Reporter
from lyceum.ops.retry import RetryPolicy, with_retries
from lyceum.storage import Lakehouse, append
from lyceum.storage.observe import carried, followed
from lyceum.table import Table
from tables import assert_rows, draw

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
CHECKPOINTS = """
id | pipeline_name | run_id | stage     | checkpoint_key | status      | start_time          | end_time            | duration_ms | metadata              | updated_at
a1 | sales         | r1     | run       | run            | in_progress | 2026-06-29 08:00:00 | NULL                | NULL        | {"parameters": {}}    | 2026-06-29 08:00:00
a2 | sales         | r1     | products  | stage          | in_progress | 2026-06-29 08:00:01 | NULL                | NULL        | NULL                  | 2026-06-29 08:00:01
a3 | sales         | r1     | products  | stage          | completed   | 2026-06-29 08:00:01 | 2026-06-29 08:00:05 | 4000        | NULL                  | 2026-06-29 08:00:05
a4 | sales         | r1     | countries | stage          | failed      | 2026-06-29 08:00:05 | 2026-06-29 08:00:06 | 1000        | {"error": "disk"}     | 2026-06-29 08:00:06
a5 | sales         | r1     | run       | run            | failed      | 2026-06-29 08:00:00 | 2026-06-29 08:00:06 | 6000        | {"error": "disk"}     | 2026-06-29 08:00:06
b1 | sales         | r1     | countries | stage          | completed   | 2026-06-29 09:00:00 | 2026-06-29 09:00:02 | 2000        | NULL                  | 2026-06-29 09:00:02
b2 | sales         | r1     | run       | run            | completed   | 2026-06-29 09:00:00 | 2026-06-29 09:00:02 | 2000        | NULL                  | 2026-06-29 09:00:02
c1 | sales         | r2     | products  | stage          | completed   | 2026-06-29 10:00:00 | 2026-06-29 10:00:08 | 8000        | NULL                  | 2026-06-29 10:00:08
c2 | sales         | r2     | run       | run            | in_progress | 2026-06-29 10:00:00 | NULL                | NULL        | NULL                  | 2026-06-29 10:00:00
d1 | lms           | old    | fetch     | stage          | failed      | 2026-01-01 00:00:00 | 2026-01-01 00:00:09 | 9000        | {"error": "http_500"} | 2026-01-01 00:00:09
d2 | lms           | old    | run       | run            | failed      | 2026-01-01 00:00:00 | 2026-01-01 00:00:09 | 9000        | {"error": "http_500"} | 2026-01-01 00:00:09
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
def lake(spark, config: Config, tmp_path_factory) -> Iterator[Lakehouse]:
    """A lakehouse with the drawn checkpoints and log lines."""
    home = tmp_path_factory.mktemp("reliability")
    lakehouse = Lakehouse(spark, replace(config, home=home, warehouse=str(home / "warehouse")))
    for table, text in ((PIPELINE_CHECKPOINT, CHECKPOINTS), (PIPELINE_LOGS, LOGS)):
        types = {f.name: f.dataType.simpleString() for f in lakehouse.read(table).schema}
        rows = draw(spark, text, types)
        append(lakehouse, table, rows)
    yield lakehouse
    for schema in lakehouse.config.schemas.values():
        spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def test_health_answers_what_an_operator_asks(lake):
    """One SQL file a question; what is from before the time that is asked for does not count."""
    out = StringIO()
    show_health(lake, Reporter("json", out), since=NOW - timedelta(days=30))
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {a["name"]: [tuple(row.values()) for row in a["rows"]] for a in answers} == {
        # pipeline, runs, successful, failed, unfinished, average ms, last seen
        "Pipelines": [("sales", 2, 1, 0, 1, 2000, "2026-06-29 10:00:00")],
        "Failures": [("sales", "countries", 1, "2026-06-29 08:00:06", '{"error": "disk"}')],
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
        ("08:00:00", "stage", "run", "in_progress"),
        ("08:00:01", "stage", "products", "in_progress"),
        ("08:00:02", "log", "merged", "INFO"),
        ("08:00:03", "log", "attempt 1 of merge failed", "WARNING"),
        ("08:00:05", "stage", "products", "completed"),
        ("08:00:06", "stage", "countries", "failed"),
        ("08:00:06", "stage", "run", "failed"),
        ("08:00:06", "log", "retries of merge are used up", "ERROR"),
        ("09:00:02", "stage", "countries", "completed"),
        ("09:00:02", "stage", "run", "completed"),
    ]  # fmt: skip


def test_the_commands_show_and_refuse(lake, capfd):
    """Health of the last hour, a run by the start of its id, one line for a run that is not."""

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["--home", str(lake.config.home), "ops", *arguments])
        return code, "".join(capfd.readouterr())

    code, out = run("health", "--last", "1h")
    assert (code, out.count(": nothing")) == (0, 6)
    code, out = run("trace", "ol")
    assert (code, "http_500" in out) == (0, True)
    assert run("trace", "r") == (
        2,
        "lyceum: expected one run whose identifier begins with 'r', found r1 and r2\n",
    )
    code, out = run("trace", "nix")
    assert (code, "found none: `lyceum status` lists the runs" in out) == (2, True)


def test_clean_up_deletes_what_is_old_and_says_so(lake):
    """Of checkpoints, log lines and files what is older than 90 days; a dry run only counts."""
    run = ("x", "lms", NOW.date(), "SUCCESS", NOW - timedelta(days=100), NOW - timedelta(days=100))
    columns = "id STRING, job_name STRING, run_date DATE, status STRING, started_at TIMESTAMP, recorded_at TIMESTAMP"
    rows = lake.spark.createDataFrame([run], columns)
    append(
        lake,
        ETL_JOB_RUNS,
        lake.read(ETL_JOB_RUNS).limit(0).unionByName(rows, allowMissingColumns=True),
    )
    old_file = log_file(lake.config).with_suffix(".jsonl.1")
    old_file.parent.mkdir(exist_ok=True)
    old_file.write_text("{}\n", encoding="utf-8")
    os.utime(old_file, (0, (NOW - timedelta(days=91)).timestamp()))
    arguments = {"older_than": timedelta(days=90), "now": NOW}
    counts = [
        (2, "ops.pipeline_checkpoint"),
        (1, "ops.pipeline_logs"),
        (0, "ops.etl_job_runs"),
        (1, "log files"),
    ]

    dry = clean_up(lake, dry_run=True, **arguments)
    assert [(r.count, r.what) for r in dry] == counts
    assert lake.read(PIPELINE_CHECKPOINT).count() == 11
    assert [(r.count, r.what) for r in clean_up(lake, **arguments)] == counts
    assert not old_file.exists()
    assert lake.read(PIPELINE_CHECKPOINT).where("run_id = 'old'").isEmpty()


class Killed(BaseException):
    """Stands for a kill right after a commit."""


def test_rows_land_once_however_often_landing_is_killed(lake):
    """Killed after the commit, before the outbox forgets; then more rows come, and it is killed again."""

    def killed_after_commit(kind: str, subject: str) -> None:
        if (kind, subject) == ("written", PIPELINE_CHECKPOINT.name):
            raise Killed

    for _ in range(2):
        with pipeline_run(lake, "landing") as run:
            run.perform("only", lambda: get_logger("lyceum.test").info("seen", n=1))
        with pytest.raises(Killed), followed(killed_after_commit):
            land(lake)
    land(lake)
    landed = lake.read(PIPELINE_CHECKPOINT).where("pipeline_name = 'landing'")
    assert landed.count() == landed.select("id").distinct().count() == 8
    lines = lake.read(PIPELINE_LOGS).where("pipeline_name = 'landing' AND message = 'seen'")
    assert [(row.level, row.metadata) for row in lines.collect()] == [("INFO", '{"n": 1}')] * 2
    assert waiting_checkpoints(lake).waiting == 0
    latest = lake.view(PIPELINE_STAGE_STATUS).where("pipeline_name = 'landing'")
    assert {row.status for row in latest.collect()} == {"completed"}


def test_threads_of_a_run_carry_its_id_and_its_spark_tag(lake):
    """And nothing carries them after the run, which has paid for the append of its checkpoints."""

    def seen(_: int) -> tuple[str, set[str]]:
        return get_contextvars()["run_id"], lake.spark.getTags()

    waiting_checkpoints(lake).put([], {"cost": 0.0})
    with pipeline_run(lake, "threads") as run, ThreadPoolExecutor(2) as pool:
        found = list(pool.map(carried(lake.spark, seen), range(4)))
    assert found == [(run.id, {f"lyceum-run-{run.id}"})] * 4
    assert (lake.spark.getTags(), get_contextvars()) == (set(), {})
    assert lake.read(PIPELINE_CHECKPOINT).where(F.col("run_id") == run.id).count() == 2


def test_an_open_circuit_is_open_for_the_next_process_too(lake):
    """Two failed uses open it; after its time one use is tried, and closes it."""
    time = [0.0]
    policy = replace(POLICY, window=2)

    def use(error: Exception | None = None) -> None:
        with guarded(lake, "crm", policy=policy, clock=lambda: time[0]):
            if error:
                raise error

    with pytest.raises(ValueError, match="bad input"):
        use(ValueError("bad input"))
    for _ in range(2):
        with pytest.raises(ConnectionError, match="refused"):
            use(ConnectionError("refused"))
    time[0] = 299.0
    message = r"expected crm to answer, found its circuit open .* tried again in 1 s"
    with pytest.raises(CircuitOpenError, match=message):
        use()
    time[0] = 301.0
    use()
    assert_rows(
        lake.view(CIRCUIT_BREAKER_STATUS),
        """
        dependency | phase  | outcomes | opened_at | failed_probes | reason
        crm        | closed | []       | NULL      | 0             | NULL
        """,
    )


COUNTERS = Table(
    name="ops.counters",
    grain="one row per counter",
    keys=("name",),
    columns="name STRING NOT NULL COMMENT 'Name', n INT COMMENT 'Value'",
)


def test_conflicting_commits_all_succeed_in_the_end(lake, caplog):
    """Three threads update the same row at once: Delta refuses some, their retries add up."""
    append(lake, COUNTERS, lake.spark.createDataFrame([("x", 0)], COUNTERS.columns))
    update = f"UPDATE {lake.name(COUNTERS)} SET n = n + 1"
    policy = RetryPolicy(max_retries=8, backoff_base=0.1)
    with ThreadPoolExecutor(3) as pool:
        calls = [
            pool.submit(with_retries, lambda: lake.spark.sql(update), policy) for _ in range(3)
        ]
        for call in calls:
            call.result()
    assert lake.read(COUNTERS).collect()[0].n == 3
    assert "attempt 1 of call failed" in caplog.messages


def test_in_a_workspace_the_table_remembers_an_unfinished_run(lake, spark, tmp_path):
    """The first machine is gone with its disk; the second one goes on after the last full stage."""
    done: list[str] = []
    warehouse = f"file://{tmp_path}/warehouse"
    machines = [
        Lakehouse(spark, replace(lake.config, home=tmp_path / name, warehouse=warehouse, schemas={k: f"ws_{k}" for k in lake.config.schemas}))
        for name in ("first", "second")
    ]  # fmt: skip

    def run_on(machine: Lakehouse, *, breaks: bool) -> str:
        with pipeline_run(machine, "p", {"v": 1}) as run:
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
        ("run", "completed"),
    }
    for schema in machines[0].config.schemas.values():
        spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

"""Maintenance: what is past its retention goes, files are compacted, readers and streams go on."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from care_lake import age, maintained
from events_world import CLEAN, deliver, process
from sales_lake import all_jobs, write_files

from lakes import fresh
from lyceum.care import retention
from lyceum.care.retention import limit
from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import UnknownTableError, folders, tables
from lyceum.model.table import Table
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.ledger import ETL_JOB_RUNS
from lyceum.runs.logs import PIPELINE_LOGS
from lyceum.systems.events.job import run
from lyceum.systems.sales.bronze import RAW_TRANSACTIONS
from lyceum.systems.sales.silver import FACT_SALES_DAILY
from pocketlake.declaration import declared_columns
from processes import killed_at, started

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def log_lines(lake: Lakehouse, *days_ago: int, now: datetime = NOW) -> None:
    rows = [
        {"id": f"{d}", "timestamp": now - timedelta(days=d), "level": "INFO", "message": "m"}
        for d in days_ago
    ]
    lake.append(PIPELINE_LOGS, lake.rows(PIPELINE_LOGS, rows))


def immediately(lake: Lakehouse) -> Lakehouse:
    """The lakehouse, with history that is kept for no time."""
    environ = {**lake.config.environ, "LYCEUM_HISTORY_HOURS": "0"}
    return Lakehouse(lake.spark, replace(lake.config, environ=environ))


def test_every_retention_counts_from_a_column_that_there_is():
    for table in tables():
        columns = {c.name: c.ddl_type for c in declared_columns(table.columns)}
        if table.retention_days is not None:
            assert columns[table.retention_column] in {"TIMESTAMP", "DATE", "INT"}, table.name
    assert {"landing", "landing/sales", "logs", "outbound", "quarantine"} <= {
        one.folder for one in folders()
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("TIMESTAMP", NOW - timedelta(31)), ("DATE", date(2026, 5, 1)), ("INT", 20260501)],
)
def test_the_days_count_from_an_instant_a_day_or_its_number(kind, expected):
    table = Table("ops.x", "", f"at {kind}", (), retention_days=31, retention_column="at")
    assert limit(table, NOW) == expected


def test_rows_past_their_retention_go_and_a_dry_run_says_so_before(lake):
    log_lines(lake, 10, 89, 91, 400)
    dry = maintained(lake, "ops.pipeline_logs", now=NOW, dry_run=True)
    assert dry.of("Would be done: tables")["ops.pipeline_logs"][0] == 2
    assert lake.read(PIPELINE_LOGS).count() == 4
    done = maintained(lake, "ops.pipeline_logs", now=NOW)
    assert done.tables["Done: tables"] == dry.tables["Would be done: tables"]
    kept = lake.read(PIPELINE_LOGS).where("message = 'm'").collect()
    assert {row.id for row in kept} == {"10", "89"}
    again = maintained(lake, "ops.pipeline_logs", now=NOW)
    assert again.lines == ["Nothing is to be done"]


def test_without_anything_to_do_nothing_is_written(lake):
    assert maintained(lake).lines == ["Nothing is to be done"]
    assert lake.tables() == []


def test_an_unknown_table_is_named(lake):
    with pytest.raises(UnknownTableError, match="found 'nix'"):
        maintained(lake, "nix")


def test_a_record_that_is_open_is_kept_however_old(lake):
    old = NOW - timedelta(days=1000)
    record = {"system": "s", "rule": "r", "severity": "rejected", "seen_at": old}
    rows = [record | {"quarantine_id": "open"}, record | {"quarantine_id": "m", "resolved_at": old}]
    lake.append(QUARANTINE, lake.rows(QUARANTINE, rows))
    maintained(lake, "quarantine", now=NOW)
    assert [row.quarantine_id for row in lake.read(QUARANTINE).collect()] == ["open"]


def test_small_files_are_written_together_and_old_ones_vacuumed_later(lake):
    for number in range(12):
        sums = [number] * 3 + [Decimal(1)] * 3
        row = (20260101 + number, date(2026, 1, 1), f"s{number}", "France", *sums)
        lake.append(FACT_SALES_DAILY, lake.rows(FACT_SALES_DAILY, [row]))
    name = FACT_SALES_DAILY.name
    assert maintained(lake, name).of("Done: tables")[name][1:3] == (12, 0)
    assert lake.facts(FACT_SALES_DAILY).files == 1
    assert maintained(lake, name).lines == ["Nothing is to be done"]
    soon = immediately(lake)
    dry = maintained(soon, name, dry_run=True)
    assert dry.of("Would be done: tables")[name][2] == 12
    assert maintained(soon, name).tables["Done: tables"] == dry.tables["Would be done: tables"]
    assert sorted(row.stock_code for row in lake.read(FACT_SALES_DAILY).collect()) == sorted(
        f"s{number}" for number in range(12)
    )


def test_what_a_stream_has_still_to_compare_with_is_kept(lake):
    """A checkpoint names the version that was read last: its files stay until the stream moves on."""
    log_lines(lake, 1, 2, now=datetime.now(UTC))
    version = lake.version(PIPELINE_LOGS)
    batch = {"tables": {"ops.pipeline_logs": {"since": None, "until": version.number}}}
    checkpoint = lake.config.home / "checkpoints" / "pipelines" / "p" / "ops.copy"
    checkpoint.mkdir(parents=True)
    (checkpoint / "00000000.json").write_text(json.dumps(batch))
    lake.delete(PIPELINE_LOGS, where="id = '1'")
    soon = immediately(lake)
    maintained(soon, "pipeline_logs", now=datetime.now(UTC) + timedelta(hours=3))
    assert lake.read(PIPELINE_LOGS, version=version.number).count() == 2
    # One that has been away for very long is refreshed fully.
    maintained(soon, "pipeline_logs", now=datetime.now(UTC) + timedelta(days=40))
    assert lake.stale(PIPELINE_LOGS, retain_hours=0).files == 0


def test_a_landed_file_goes_only_after_it_was_loaded_long_ago(lake, tmp_path):
    folder = write_files(lake.config.home / "landing" / "sales", ["2010-12-31.csv"])
    all_jobs(lake, folder)
    write_files(folder, ["2011-01-30.csv"])
    age(folder, days=3000)
    later = datetime.now(UTC) + timedelta(days=549)
    # The time of a file is what the load knows it by: this one counts as another, not loaded yet.
    assert "landing/sales" not in maintained(lake, now=later).of("Done: files deleted")
    all_jobs(lake, folder)
    before = lake.read(RAW_TRANSACTIONS).count()
    assert "landing/sales" not in maintained(lake).of("Done: files deleted")
    dry = maintained(lake, now=later, dry_run=True)
    done = maintained(lake, now=later)
    assert done.of("Done: files deleted")["landing/sales"][1] == 2
    assert done.tables["Done: files deleted"] == dry.tables["Would be done: files deleted"]
    assert list(folder.iterdir()) == []
    assert lake.read(RAW_TRANSACTIONS).count() == before


def test_delivered_files_go_when_their_prepared_files_are_old(lake):
    process(lake, {**CLEAN, "events/broken.csv": b"\x00\x01"})
    job = deliver(lake, {"brands/new.csv": "brand_id,brand_name\nB9,New\n"})
    later = datetime.now(UTC) + timedelta(days=549)
    found = maintained(lake, now=later).of("Done: files deleted")
    assert (found["landing"][1], found["quarantine"][1]) == (len(CLEAN), 1)
    assert [f.name for f in job.landing.rglob("*") if f.is_file()] == ["new.csv"]
    run(job, full_refresh=True)
    assert lake.read(Table("silver.lm_events", "", "", ())).count() == 3


def test_two_at_once_do_it_once(lake, tmp_path):
    log_lines(lake, 1, 200, now=datetime.now(UTC))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: maintained(fresh(lake), "pipeline_logs"), range(2)))
    said = [one.lines for one in both]
    assert sorted(said) == [[], ["Nothing is to be done"]]
    assert lake.read(PIPELINE_LOGS).where("id IN ('1', '200')").count() == 1


@pytest.mark.parametrize(
    "step",
    ["compacting ops.pipeline_logs", "vacuuming ops.pipeline_logs"],
)
def test_killed_anywhere_the_next_run_does_the_rest(lake, step):
    for number in range(11):
        log_lines(lake, 1, 200 + number, now=datetime.now(UTC))
    env = {"LYCEUM_HISTORY_HOURS": "0"}
    home = lake.config.home
    command = ["maintain", "ops.pipeline_logs"]
    assert killed_at(step, home, command, env=env) == -signal.SIGKILL
    assert started(home, *command, env=env).wait() == 0
    again = fresh(lake)
    ours = again.read(PIPELINE_LOGS).where("message = 'm'")
    assert {row.id for row in ours.collect()} == {"1"}
    died = again.read(ETL_JOB_RUNS).where("job_name = 'maintain'").collect()
    assert {row.status for row in died} == {"RUNNING", "FAILED", "SUCCESS"}


def test_readers_and_writers_go_on_meanwhile(lake):
    """Each reader sees all rows, each append arrives."""
    log_lines(lake, *range(60), now=datetime.now(UTC))
    stop = False

    def read() -> int:
        mine, least = fresh(lake), 60
        while not stop:
            least = min(least, mine.read(PIPELINE_LOGS).where("id < 'a'").count())
        return least

    def write() -> int:
        mine, count = fresh(lake), 0
        while not stop:
            log_lines(mine, 1000 - 950, now=datetime.now(UTC))
            count += 1
        return count

    with ThreadPoolExecutor(3) as pool:
        least, written = pool.submit(read), pool.submit(write)
        for _ in range(4):
            maintained(fresh(lake), "ops.pipeline_logs")
        stop = True
        assert least.result() >= 60
        appended = written.result()
        assert lake.read(PIPELINE_LOGS).where("message = 'm'").count() == 60 + appended


def test_a_streaming_table_goes_on_after_maintenance(lake):
    process(lake, CLEAN)
    maintained(immediately(lake), now=datetime.now(UTC) + timedelta(hours=2))
    process(
        lake, {"participants/more.csv": CLEAN["participants/all.csv"].replace("P1", "P7")}, day=2
    )
    rows = lake.read(Table("silver.lm_participants", "", "", ())).collect()
    assert {"P1", "P7"} <= {row.participant_id for row in rows}


def test_log_files_past_their_time_go(lake):
    logs = lake.config.logs
    logs.mkdir(parents=True)
    for name in ("lyceum.jsonl.1", "lyceum.jsonl.2"):
        (logs / name).write_text("{}\n")
    age(logs, days=91)
    (logs / "lyceum.jsonl").write_text("{}\n")
    assert maintained(lake).of("Done: files deleted")["logs"][1] == 2
    assert not (logs / "lyceum.jsonl.1").exists()
    assert list(retention.files_past(lake, datetime.now(UTC))) == []

"""From a real PostgreSQL to dimensions and facts: what is run, skipped, repaired and told."""

from datetime import date, timedelta

import pytest
from oltp_world import CONFIG

from lyceum.cli import main
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.ledger import ETL_JOB_RUNS, ETL_JOB_STATUS
from lyceum.runs.locks import JobIsRunningError
from lyceum.runs.logs import PIPELINE_LOGS
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.warehouse import etl, job_facts
from lyceum.systems.warehouse.facts import FACTS
from lyceum.systems.warehouse.gold.dimensions import DIM_LEARNER, DIM_TENANT, DIM_USER
from lyceum.systems.warehouse.gold.fact_sessions import FACT_SESSIONS
from lyceum.systems.warehouse.job_dimensions import SyncFailedError
from lyceum.systems.warehouse.pipeline import SYNCS
from lyceum.systems.warehouse.source.errors import SourceDownError

LAST = CONFIG.until
FIRST = LAST - timedelta(days=CONFIG.days - 1)
LEARNER = "00000002-0000-4000-8000-000000000001"


def sync(lake):
    return {d.job: d for d in etl.run_all_dimension_syncs(lake=lake)}


def build(lake, day=LAST, *, force=False):
    return {b.job: b for b in etl.run_all_fact_builds(day, force, lake=lake)}


def runs(lake, *jobs):
    rows = (
        lake.view(ETL_JOB_STATUS)
        .where(f"job_name IN {(*jobs, '')}")
        .orderBy("started_at", "job_name")
    )
    return [(row.job_name, row.status, row.target_date) for row in rows.collect()]


def versions(lake):
    """The version of every table."""
    found = {}
    for schema, name in lake.tables():
        log = lake.config.home / "warehouse" / schema / name / "_delta_log"
        found[f"{schema}.{name}"] = max(file.name for file in log.glob("*.json"))
    return found


def test_a_day_is_built_once_unless_it_is_forced(oltp, world):
    """Each dimension and each fact has its row in the ledger; a repetition gives the same rows."""
    synced, built = sync(world), build(world)
    assert list(synced) == list(SYNCS)
    assert synced["sync_dim_learner"].inserted == 20
    sessions = oltp.scalar(
        f"SELECT count(*) FROM learning_sessions WHERE started_at::date = '{LAST}'"
    )
    assert built["build_fact_sessions"].rows_processed == sessions
    assert built["build_fact_learning_progress"].rows_processed == 120
    assert {one.status for one in built.values()} == {"SUCCESS"}
    assert {one.unknown for one in built.values()} == {0}
    rows = {job: sorted(world.read(fact.table).collect()) for job, fact in FACTS.items()}
    assert {one.status for one in build(world).values()} == {"SKIPPED"}
    assert {one.status for one in build(world, force=True).values()} == {"SUCCESS"}
    for job, fact in FACTS.items():
        assert sorted(world.read(fact.table).collect()) == rows[job]
    assert [status for _, status, _ in runs(world, "build_fact_sessions")] == [
        "SUCCESS", "SKIPPED", "SUCCESS",
    ]  # fmt: skip
    assert runs(world, *SYNCS) == [(job, "SUCCESS", None) for job in sorted(SYNCS)]


def test_a_sync_without_news_writes_the_ledger_and_its_log_lines_alone(synced):
    sync(synced)
    before = versions(synced)
    sync(synced)
    after = versions(synced)
    assert {name for name in after if after[name] != before.get(name)} == {
        ETL_JOB_RUNS.name,
        PIPELINE_LOGS.name,
    }


def test_a_dimension_can_be_synced_alone(oltp, world):
    done = etl.run_job("sync_dim_tenant", lake=world)
    assert (done.job, done.inserted) == ("sync_dim_tenant", 2)
    assert world.read(DIM_TENANT).count() == 2
    assert not world.exists(DIM_LEARNER)
    oltp.run("DELETE FROM users WHERE role = 'parent'")
    assert etl.run_job("sync_dim_user", lake=world).inserted < 12
    assert {row.role for row in world.read(DIM_USER).collect()} == {"teacher"}


def test_an_unknown_member_is_counted_and_the_day_built_again_when_it_arrives(oltp, synced):
    oltp.run(
        "DELETE FROM learning_sessions",
        "INSERT INTO learning_sessions (id, tenant_id, learner_id, status, started_at) "
        f"VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'x', '{LAST} 10:00Z')",
    )
    sync(synced)
    built = build(synced)["build_fact_sessions"]
    assert (built.rows_processed, built.unknown) == (1, 2)
    assert etl.stale(lake=synced) == {}
    oltp.run(
        "INSERT INTO learners (id, tenant_id, display_name) SELECT learner_id, tenant_id, 'Late' "
        "FROM learning_sessions"
    )
    sync(synced)
    assert [(d.day, d.reason) for d in etl.stale(lake=synced)["build_fact_sessions"]] == [
        (LAST, "an unknown member is known now")
    ]
    repaired = {b.job: b.unknown for b in etl.repair(lake=synced)}
    assert repaired == {"build_fact_sessions": 1}
    assert etl.stale(lake=synced) == {}


def test_a_correction_of_the_past_is_listed_and_repaired(oltp, synced):
    """A session that moves to another day concerns both; an answer the day of its session."""
    etl.backfill(FIRST, LAST, lake=synced)
    assert etl.stale(lake=synced) == {}
    oltp.run(
        f"UPDATE learning_sessions SET started_at = started_at - interval '1 day' "
        f"WHERE started_at::date = '{LAST}'"
    )
    sync(synced)
    found = {day.day: day.reason for day in etl.stale(lake=synced)["build_fact_sessions"]}
    assert found == {
        LAST: "learning_sessions changed",
        LAST - timedelta(days=1): "learning_sessions changed",
    }
    etl.repair(lake=synced)
    assert etl.stale(lake=synced) == {}
    keys = {row.date_key for row in synced.read(FACT_SESSIONS).select("date_key").collect()}
    assert keys == {20260129, 20260130}
    oltp.run("UPDATE session_activities SET is_correct = NOT is_correct "
             f"WHERE answered_at::date = '{FIRST}'")  # fmt: skip
    sync(synced)
    stale = etl.stale(lake=synced)
    assert {job: [d.day for d in days] for job, days in stale.items()} == {
        "build_fact_sessions": [FIRST]
    }


def test_a_backfill_goes_on_after_a_failed_day_and_resumes(synced, monkeypatch):
    """Days one after another are one query; one that fails is told, the others are built."""
    build(synced, FIRST)
    real, spans = job_facts._replace, []

    def replaced(lake, fact, span):
        if fact.job == "build_fact_sessions":
            spans.append(len(span.days))
            if LAST in span.days:
                raise OSError("disk full")
        real(lake, fact, span)

    monkeypatch.setattr(job_facts, "_replace", replaced)
    built = etl.backfill(FIRST, LAST, lake=synced)
    assert spans == [2, 1, 1]
    states = {b.day: b.status for b in built if b.job == "build_fact_sessions"}
    assert states == {FIRST: "SKIPPED", LAST - timedelta(days=1): "SUCCESS", LAST: "FAILED"}
    assert [b.error for b in built if b.status == "FAILED"] == ["disk full"]
    monkeypatch.undo()
    again = etl.backfill(FIRST, LAST, lake=synced)
    assert [(b.job, b.day) for b in again if b.status == "SUCCESS"] == [
        ("build_fact_sessions", LAST)
    ]
    assert synced.read(FACT_SESSIONS).count() == 35


def test_a_job_that_runs_elsewhere_is_said_to(synced):
    with Run.of(synced, "build_fact_sessions"), pytest.raises(JobIsRunningError, match="expected"):
        etl.run_job("build_fact_sessions", LAST, lake=synced)


def test_what_breaks_a_rule_is_kept_until_it_is_mended(oltp, synced):
    """A session without a start is on no day; one that ends too early is, and flagged."""
    moved = f"UPDATE learning_sessions SET started_at = %s WHERE started_at::date = '{LAST}'"
    oltp.run(moved.replace("%s", "'infinity'"), "UPDATE tenants SET name = ' '")
    sync(synced)
    rows = synced.read(QUARANTINE).groupBy("rule", "severity").count().collect()
    assert {tuple(row) for row in rows} == {
        ("no_started_at", "rejected", 11),
        ("no_name", "flagged", 2),
    }
    assert build(synced)["build_fact_sessions"].rows_processed == 0
    oltp.run(f"UPDATE learning_sessions SET started_at = '{LAST} 10:00Z', ended_at = '{FIRST}' "
             "WHERE started_at = 'infinity'")  # fmt: skip
    sync(synced)
    still = synced.read(QUARANTINE).where("resolved_at IS NULL").groupBy("rule").count().collect()
    assert {tuple(row) for row in still} == {("ends_before_start", 11), ("no_name", 2)}
    assert {b.job: b.rows_processed for b in etl.repair(lake=synced)}["build_fact_sessions"] == 11


def test_a_source_that_is_down_leaves_failed_rows_and_the_next_sync_recovers(oltp, world):
    oltp.run("ALTER ROLE lyceum_reader NOLOGIN")
    try:
        with pytest.raises(SourceDownError, match=r"^expected PostgreSQL at [^\n]*$"):
            sync(world)
    finally:
        oltp.run("ALTER ROLE lyceum_reader LOGIN")
    sync(world)
    assert [status for _, status, _ in runs(world, "sync_dim_tenant")] == ["FAILED", "SUCCESS"]
    assert world.read(DIM_TENANT).count() == 2


def test_a_renamed_column_fails_its_dimension_alone(oltp, synced):
    oltp.run("ALTER TABLE users RENAME full_name TO name", "UPDATE tenants SET name = 'Renamed'")
    with pytest.raises(SyncFailedError, match=r"^expected public.users to have full_name"):
        sync(synced)
    latest = runs(synced, "sync_dim_user", "sync_dim_tenant")[-2:]
    assert {(job, status) for job, status, _ in latest} == {
        ("sync_dim_tenant", "SUCCESS"),
        ("sync_dim_user", "FAILED"),
    }
    current = synced.read(DIM_TENANT).where("is_current").collect()
    assert {row.tenant_name for row in current} == {"Renamed"}


def test_facts_without_anything_landed_say_what_to_do(world):
    with pytest.raises(etl.JobError, match="run `lyceum etl dimensions` first"):
        build(world)


def test_dates_and_jobs_are_checked():
    assert list(etl.date_range(date(2026, 1, 30), date(2026, 2, 1)))[-1] == date(2026, 2, 1)
    with pytest.raises(etl.DateError, match="expected a date like 2026-01-15, found 'soon'"):
        etl.parse_date("soon")
    with pytest.raises(etl.DateError, match="turn them round"):
        etl.date_range(date(2026, 2, 1), date(2026, 1, 1))
    with pytest.raises(etl.JobError, match="one of sync_dim_tenant, "):
        etl.run_job("sync_dim_nix", lake=object())


def test_the_commands_say_what_was_done(synced, capsys):
    """A day twice, a range, and the status of it all."""
    from lyceum.systems.warehouse import job_etl

    reporter = Reporter("plain")
    job_etl.run_pipeline(synced, reporter, str(LAST), force=False, repair=False)
    assert "build_fact_sessions" in capsys.readouterr().out
    assert job_etl.backfill(synced, reporter, str(FIRST), str(LAST), force=False) == 0
    out = capsys.readouterr().out
    assert f"│ {LAST} │ 0 " in out
    assert "5 SKIPPED" in out
    job_etl.show_status(synced, reporter)
    assert "sync_dim_skill" in capsys.readouterr().out


def test_a_notebook_needs_no_more_than_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("LYCEUM_HOME", str(tmp_path))
    assert etl.stale() == {}
    with pytest.raises(etl.JobError, match="nothing landed"):
        etl.job_build_fact_sessions(LAST)


@pytest.mark.parametrize("job", ["analytics_hourly", "analytics_daily", "analytics_progress"])
def test_the_bundles_jobs_run_on_this_machine(job, tmp_path):
    """Nothing in them is known in a workspace alone."""
    assert main(["--home", str(tmp_path), "run", job, "-t", "local", "--dry-run"]) == 0

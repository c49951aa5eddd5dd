"""The monitoring queries and the alerts, over a ledger that is written for them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lyceum.operations.health import named_query
from lyceum.operations.service_levels import (
    ServiceLevel,
    ServiceLevelError,
    breaches,
    service_levels,
)
from lyceum.runs.ledger import record
from lyceum.runs.run import Run

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
FILE = Path(__file__).parents[2] / "bundles" / "service_levels.yml"


def ran(lake, job, *, hours_ago, status="SUCCESS", rows=100, day=None):
    at = NOW - timedelta(hours=hours_ago)
    run = Run(lake, job, {}, None, day, started_at=at, rows_processed=rows)  # type: ignore[arg-type]
    error = "disk full" if status == "FAILED" else None
    row = run.row(status, error) | {"recorded_at": at, "run_date": at.date()}
    return row | {"completed_at": None if status == "RUNNING" else at}


@pytest.fixture
def ledger(lake):
    record(
        lake,
        [
            ran(lake, "punctual", hours_ago=1),
            ran(lake, "late", hours_ago=3),
            ran(lake, "late", hours_ago=1, status="SKIPPED"),
            ran(lake, "broken", hours_ago=2),
            ran(lake, "broken", hours_ago=1, status="FAILED"),
            ran(lake, "mended", hours_ago=2, status="FAILED"),
            ran(lake, "mended", hours_ago=1),
            *(ran(lake, "shrunk", hours_ago=24 * n, rows=1_000) for n in range(2, 12)),
            ran(lake, "shrunk", hours_ago=1, rows=499),
            *(ran(lake, "steady", hours_ago=24 * n, rows=1_000) for n in range(2, 4)),
            ran(lake, "steady", hours_ago=1, rows=500),
        ],
    )
    return lake


def test_each_alert_names_the_jobs_that_it_is_about(ledger):
    jobs = ("punctual", "late", "never", "broken", "mended", "shrunk", "steady")
    levels = [ServiceLevel(job, 120, 0.5) for job in jobs]
    found = breaches(ledger, levels, now=NOW)
    assert [(one.alert, one.job) for one in found] == [
        ("late_jobs", "late"),
        ("late_jobs", "never"),
        ("failed_jobs", "broken"),
        ("row_drops", "shrunk"),
    ]
    assert "disk full" in found[2].detail
    assert "499" in found[3].detail


def test_the_dashboards_queries_show_runs_and_success_by_day(ledger):
    latest = named_query(ledger, "recent_job_runs").collect()
    assert {row.job_name for row in latest[:5]} >= {"punctual", "broken", "shrunk"}
    days = named_query(ledger, "job_success_rate", since=NOW - timedelta(days=3)).collect()
    counts = [(row.run_date.day, row.success_count, row.failed_count, row.total) for row in days]
    assert counts == [(1, 6, 2, 9), (30, 2, 0, 2), (29, 2, 0, 2)]


def test_the_bundles_file_has_a_level_for_each_job_of_the_warehouse():
    jobs = [level.job for level in service_levels(FILE)]
    assert jobs[0] == "sync_dimensions"
    assert len(jobs) == len(set(jobs)) == 6


@pytest.mark.parametrize(
    "text", ["", "variables: {}", "variables: {service_levels: {default: [{nix: 1}]}}", ":"]
)
def test_another_file_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "levels.yml"
    file.write_text(text)
    with pytest.raises(ServiceLevelError, match=r"^expected service levels with job, [^\n]*$"):
        service_levels(file)

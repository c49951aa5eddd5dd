"""A load that is killed goes on where it stopped, in whatever phase it was."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from connect import connect_server
from lakes import fresh
from lms_lake import sessions_in, sessions_of, small_lms
from processes import killed_at, killed_when, started, starts

from lyceum.bronze.lms import LMS_EVENT_SESSION_DETAILS, LMS_LOAD_DETAILS, LMS_LOAD_EVENTS
from lyceum.ops.audit import LMS_AUDIT_LOG
from lyceum.ops.ledger import ETL_JOB_STATUS
from lyceum.quality.results import QUALITY_RESULTS
from tables import assert_rows

STEPS = (
    "writing bronze.lms_event_session_details",
    "writing silver.event_session_details",
    "writing ops.quality_results",
)
"""Where a load is killed that has fetched everything."""


def settings(lms) -> dict[str, str]:
    """The environment of a command that loads that LMS in small chunks."""
    return {
        "LMS_BASE_URL": lms.url,
        "LMS_CLIENT_ID": lms.config.client_id,
        "LMS_CLIENT_SECRET": lms.config.client_secret,
        "LMS_CHUNK_EVENTS": "10",
        "LMS_CONCURRENCY": "4",
    }


def lyceum(home: Path, lms, *arguments: str) -> subprocess.Popen:
    """A command of lyceum with that LMS."""
    return started(home, *arguments, env=settings(lms))


@pytest.mark.slow
def test_a_load_killed_in_every_phase_ends_as_if_it_had_never_been(lake):
    """While it calls the LMS the JVM dies with it; later a Spark Connect server outlives it."""
    home, load = lake.config.home, ("lms", "load")
    with small_lms(events=60, latency_ms=60) as lms:
        killed_when(lyceum(home, lms, *load), starts("List the events"))
        assert fresh(lake).read(LMS_LOAD_EVENTS).isEmpty()

        half_way = "writing bronze.lms_load_details"
        killed = killed_at(half_way, home, load, times=4, env=settings(lms))
        assert killed == -signal.SIGKILL
        staged = fresh(lake).read(LMS_LOAD_DETAILS).select("event_id").collect()
        assert 15 <= len(staged) < 60
        lms.reset_stats()

        with connect_server(home) as remote:
            for step in STEPS:
                killed = killed_at(step, home, load, env=settings(lms) | remote)
                assert killed == -signal.SIGKILL, step
            calls = lms.stats()["events"]
            assert not [row.event_id for row in staged if calls.get(row.event_id)]
            assert sorted(set(calls.values())) == [1], "what one run fetched, the next ones have"
            assert killed_at("no step", home, load, env=settings(lms) | remote) == 0
        assert lms.stats()["events"] == calls
        ended = fresh(lake)
        assert sessions_in(ended) == sessions_of(lms)

    assert ended.read(LMS_EVENT_SESSION_DETAILS).count() == 60
    assert_rows(
        ended.read(LMS_AUDIT_LOG),
        """
        table_name                | row_count | load_status | error_message
        lms_event_session_details | 60        | SUCCESS     | NULL
        """,
    )
    checks = ended.read(QUALITY_RESULTS)
    assert checks.count() == checks.select("check_id").distinct().count()
    runs = ended.view(ETL_JOB_STATUS)
    assert runs.where("status = 'FAILED' AND error_message LIKE 'its process died%'").count() == 5
    assert runs.where("status = 'SUCCESS'").count() == 1


@pytest.mark.slow
def test_two_processes_on_one_home_both_work(lake):
    """One job waits for the other; a query does not wait at all."""
    home = lake.config.home
    with small_lms(events=30, latency_ms=20) as lms:
        jobs = [lyceum(home, lms, "lms", command) for command in ("load", "retry-failed")]
        query = lyceum(home, lms, "sql", "SELECT 41 + 1 AS answer")
        out, _ = query.communicate(timeout=120)
        assert json.loads(out) == {"answer": 42}
        for process in jobs:
            process.communicate(timeout=300)
        assert [process.returncode for process in jobs] == [0, 0]
        assert sessions_in(fresh(lake)) == sessions_of(lms)
    assert fresh(lake).view(ETL_JOB_STATUS).where("status = 'SUCCESS'").count() == 2

"""A load that is killed goes on where it stopped, in whatever phase it was."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lms_lake import landed, sessions_in, sessions_of, small_lms

from lakes import fresh
from lyceum.quality.results import QUALITY_RESULTS
from lyceum.runs.ledger import ETL_JOB_STATUS
from lyceum.systems.lms.audit import LMS_AUDIT_LOG
from lyceum.systems.lms.bronze import LMS_EVENT_SESSION_DETAILS
from lyceum.systems.lms.source.landing import LoadFolder
from processes import killed_at, killed_when, started, starts
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
    home, load = lake.config.home, ("lms", "load")
    with small_lms(events=60, latency_ms=60) as lms:
        killed_when(lyceum(home, lms, *load), starts("List the events"))
        assert LoadFolder.unfinished(home / "landing" / "lms") is None

        process = lyceum(home, lms, *load)
        wait_until(lambda: len(answered(home)) >= 20)
        process.kill()
        process.wait()
        kept = answered(home)
        assert 20 <= len(kept) < 60
        lms.reset_stats()

        for step in STEPS:
            killed = killed_at(step, home, load, env=settings(lms))
            assert killed == -signal.SIGKILL, step
        calls = lms.stats()["events"]
        assert set(calls) == set(lms.lms.events) - set(kept), "what has a file is not called again"
        assert set(calls.values()) == {1}, "what one run fetched, the next ones have"
        assert killed_at("no step", home, load, env=settings(lms)) == 0
        assert lms.stats()["events"] == calls
        ended = fresh(lake)
        assert sessions_in(ended) == sessions_of(lms)

    assert landed(ended) == []
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


def answered(home: Path) -> list[str]:
    """The events that a killed load has in a file that counts."""
    folder = LoadFolder.unfinished(home / "landing" / "lms")
    files = folder.answer_files() if folder else []
    lines = b"".join(Path(file).read_bytes() for file in files).splitlines()
    return [json.loads(line)["event_id"] for line in lines]


def wait_until(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited for it in vain"
        time.sleep(0.005)


@pytest.mark.slow
def test_ctrl_c_ends_a_load_within_two_seconds_and_the_next_one_goes_on(lake):
    home = lake.config.home
    with small_lms(events=60, latency_ms=60) as lms:
        process = lyceum(home, lms, "lms", "load")
        wait_until(lambda: len(answered(home)) >= 10)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        # Two seconds on a quiet machine.
        assert time.monotonic() - began < 5
        assert process.returncode == 130
        kept = answered(home)
        lms.reset_stats()
        assert lyceum(home, lms, "lms", "load").wait(timeout=120) == 0
        assert set(lms.stats()["events"]) == set(lms.lms.events) - set(kept)
    assert_rows(
        fresh(lake).read(LMS_AUDIT_LOG),
        """
        row_count | load_status | error_message
        -1        | FAILED      | interrupted
        60        | SUCCESS     | NULL
        """,
    )


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

"""Two processes never do the same at once; whoever died holds nothing."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from lyceum.lakehouse import Lakehouse
from lyceum.runs.locks import JobIsRunningError, is_running_here, job_lock
from lyceum.settings import Settings

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    """A lakehouse without Spark: locks need none."""
    return Lakehouse(None, Settings.load(tmp_path, environ={}))  # type: ignore[arg-type]


def hold(lake: Lakehouse, held) -> None:
    with job_lock(lake, "monthly", run_id="r"):
        held.set()
        signal.pause()


@pytest.fixture
def holder(lake):
    """Start a process that holds the job until it is killed."""
    started = []

    def start():
        held = FORK.Event()
        process = FORK.Process(target=hold, args=(lake, held))
        process.start()
        started.append(process)
        assert held.wait(10)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


def test_the_second_process_learns_who_holds_the_job(lake, holder):
    process = holder()
    message = rf"expected monthly to be free, found it running \(process {process.pid} on "
    with (
        pytest.raises(JobIsRunningError, match=message),
        job_lock(lake, "monthly", run_id="r", wait_seconds=0),
    ):
        pytest.fail("two at once")
    assert is_running_here(lake, "monthly")


def test_a_dead_holders_lock_is_taken_over(lake, holder):
    """SIGKILL leaves nobody to release it."""
    process = holder()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with job_lock(lake, "monthly", run_id="r", wait_seconds=5):
        pass
    assert not is_running_here(lake, "monthly")

"""Two processes never do the same at once; whoever died holds nothing."""

import multiprocessing
import os
import re
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


def hold(lake: Lakehouse, key: str | None, held) -> None:
    with job_lock(lake, "monthly", key=key):
        held.set()
        signal.pause()


@pytest.fixture
def holder(lake):
    """Start a process that holds the job, or one key of it, until it is killed."""
    started = []

    def start(key: str | None = None):
        held = FORK.Event()
        process = FORK.Process(target=hold, args=(lake, key, held))
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
    with pytest.raises(JobIsRunningError, match=message), job_lock(lake, "monthly", wait=False):
        pytest.fail("two at once")
    assert is_running_here(lake, "monthly")


def test_a_dead_holders_lock_is_taken_over(lake, holder):
    """SIGKILL leaves nobody to release it."""
    process = holder("2010-12")
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with job_lock(lake, "monthly", key="2010-12", seconds=5):
        assert not is_running_here(lake, "monthly")


def test_keys_are_locked_one_by_one(lake, holder):
    """Another month is free, the same one is not; a key may have any letters."""
    holder("2010/12")
    with job_lock(lake, "monthly", key="2011/01", wait=False):
        pass
    message = re.escape("expected monthly 2010/12 to be free")
    with (
        pytest.raises(JobIsRunningError, match=message),
        job_lock(lake, "monthly", key="2010/12", seconds=0.1),
    ):
        pytest.fail("two at once")

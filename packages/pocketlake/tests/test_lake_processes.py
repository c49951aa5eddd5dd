"""Two processes on one table, SIGKILL in a write, Ctrl-C, memory."""

import os
import random
import signal
import subprocess
import time
from collections import Counter

import pytest
from children import BIG, write_number
from contract_lakes import ENGINE, THINGS, answer, child, tuples

from pocketlake import Lake

# A JVM ends its query before it ends itself.
AT_ONCE = 2 if ENGINE == "embedded" else 10
EACH = 12 if ENGINE == "embedded" else 4
embedded_only = pytest.mark.skipif(ENGINE != "embedded", reason="the memory is that of a JVM")


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout.readline() == "ready\n", process.communicate()[1]


def finish(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err


def test_appends_of_two_processes_both_land(lake: Lake) -> None:
    lake.ensure(THINGS)
    finish(*(child(lake, "append_each", name, EACH) for name in "ab"))
    names = sorted(row[0] for row in tuples(lake.read(THINGS)))
    assert names == sorted(f"{name}{number}" for name in "ab" for number in range(EACH))


def test_merges_of_two_processes_both_land_and_no_key_is_there_twice(lake: Lake) -> None:
    finish(*(child(lake, "merge_each", name, EACH) for name in "ab"))
    names = Counter(row[0] for row in tuples(lake.read(THINGS)))
    assert names == Counter(
        ["shared", *(f"{name}{number}" for name in "ab" for number in range(EACH))]
    )


def test_an_append_once_of_two_processes_lands_once(lake: Lake) -> None:
    both = [child(lake, "append_once", name) for name in "ab"]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0 or "ConflictError" in err
    assert lake.read(THINGS).count() == 1
    assert answer(child(lake, "append_once", "c")) == "False"


def test_two_processes_that_create_one_table_get_one(lake: Lake) -> None:
    answers = [answer(process) for process in [child(lake, "create") for _ in range(3)]]
    assert lake.read(THINGS).count() == 0
    assert len(set(answers)) == 1


def state(lake: Lake) -> set[object]:
    """The numbers of the 1,000 rows: one if every row is of one version."""
    rows = tuples(lake.read(THINGS))
    assert len(rows) in (0, 1000)
    return {row[1] for row in rows}


@pytest.mark.parametrize(("kind", "number"), [("writing", 2), ("written", 2), ("written", 3)])
def test_a_write_killed_at_a_step_is_done_wholly_or_not_at_all(
    lake: Lake, kind: str, number: int
) -> None:
    write_number(lake, 1)
    process = child(lake, "killed_at", kind, number)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert state(lake) == {number if kind == "written" else 1}
    write_number(lake, number)
    assert state(lake) == {number}


def test_a_write_killed_at_any_moment_is_done_wholly_or_not_at_all(lake: Lake) -> None:
    chance = random.Random(13)
    first = 1
    for _ in range(6 if ENGINE == "embedded" else 2):
        process = child(lake, "count_up", first)
        wait_until_ready(process)
        time.sleep(chance.uniform(0.05, 1.0 if ENGINE == "embedded" else 6.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        before = state(lake)
        assert len(before) <= 1
        first = max(before, default=first) + 1
        write_number(lake, first)
        assert state(lake) == {first}
        first += 1


@pytest.mark.parametrize(
    ("action", "delay"),
    [
        ("query_big", 0.5),
        ("append_big", 0.1),
        ("append_big", 1.5),
        ("merge_big", 1.5),
        ("merge_big", 4),
    ],
)
def test_ctrl_c_ends_a_query_and_a_write_at_once(lake: Lake, action: str, delay: float) -> None:
    process = child(lake, action, 20_000_000)
    wait_until_ready(process)
    time.sleep(delay)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    started = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < AT_ONCE
    assert process.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV)
    # A line of its own; Spark's server may have a last word after it.
    assert "KeyboardInterrupt" in err.splitlines(), err
    assert lake.read(BIG).count() in (0, 10)


@embedded_only
@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows_that_are_written(lake: Lake) -> None:
    one, six = (int(answer(child(lake, "append_big", n * 1_000_000))) for n in (1, 6))
    assert six < one * 1.3

"""An update that is killed at any step is finished by the next one: the same tables, nothing twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from pipelines_world import World, statuses

CHILD = """
import os, signal, sys
from pathlib import Path
from pipelines_world import World

home, last, full = sys.argv[1:]
world = World(Path(home))

def kill(step, name):
    if f"{step} {name}" == last:
        os.kill(os.getpid(), signal.SIGKILL)

world.update(on_event=kill, full_refresh=full == "True")
"""
STEPS = (
    "planned bronze.raw_visits",
    "writing bronze.raw_visits",
    "written bronze.raw_visits",
    "ended bronze.raw_visits",
    "written silver.visits",
    "writing gold.minutes",
    "written gold.minutes",
)


@pytest.fixture
def world(tmp_path):
    """A pipeline of its own."""
    return World(tmp_path)


def killed_at(step: str, home: Path, *, full_refresh: bool = False) -> int:
    paths = [str(Path(__file__).parent), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", CHILD, str(home), step, str(full_refresh)]
    return subprocess.run(command, env=environment, check=False).returncode


@pytest.mark.slow
def test_an_update_killed_at_every_step_ends_as_if_it_had_never_been(world, tmp_path):
    """A file more before each kill; after every other one an update comes to its end."""
    untouched = world.again(tmp_path / "untouched")
    for number, step in enumerate(STEPS):
        line = f'{{"id":"{number}","person":"p{number}","minutes":{number}}}'
        for place in (world, untouched):
            place.land(f"{number}.json", line)
        assert killed_at(step, world.home) == -signal.SIGKILL, step
        if number % 2:
            world.updated()
    untouched.updated()
    world.updated()
    assert world.tables() == untouched.tables()
    assert len(world.rows("bronze.raw_visits")) == len(STEPS)
    assert set(statuses(world.updated()).values()) == {"SKIPPED"}


@pytest.mark.slow
@pytest.mark.parametrize("step", ["planned", "written"])
def test_a_full_refresh_that_is_killed_is_finished(world, step):
    world.land("a.json", '{"id":"1","person":"Ada","minutes":5}')
    world.updated()
    assert killed_at(f"{step} bronze.raw_visits", world.home, full_refresh=True) == -signal.SIGKILL
    world.land("b.json", '{"id":"2","person":"Bo","minutes":5}')
    world.updated()
    assert world.rows("bronze.raw_visits") == [("1", "Ada", 5), ("2", "Bo", 5)]


def test_two_updates_at_once_come_one_after_the_other(world):
    world.land("a.json", '{"id":"1","person":"Ada","minutes":5}')
    (world.home / "storage").mkdir()
    lock = FileLock(world.home / "storage/.lock", thread_local=False)
    lock.acquire()
    waited = []

    def release(step, name):
        if step == "waiting":
            waited.append(name)
            lock.release()

    world.updated(on_event=release)
    assert waited == [str(world.home / "storage")]
    assert world.rows("bronze.raw_visits") == [("1", "Ada", 5)]

"""The API half of a load in a process that is killed: what has a file is not called again."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lyceum.systems.lms.source.landing import LoadFolder
from lyceum_lab.lms import Simulator, SimulatorConfig

FETCH = """
import json, sys
from functools import partial
from pathlib import Path
from lyceum.systems.lms.source.fetch import fetch_answers, with_lms
from lyceum.systems.lms.source.landing import Load, LoadFolder
from lyceum.systems.lms.settings import LmsSettings

given = json.loads(sys.argv[1])
root = Path(given.pop("root"))
folder = LoadFolder.unfinished(root)
if folder is None:
    folder = LoadFolder.new(root, Load("complete", "lms"))
    folder.plan(given["event_ids"])
client = {"base_url": given["url"], "client_id": "lyceum", "client_secret": "lyceum-secret"}
settings = LmsSettings(**client, **given["settings"])
print("calling", flush=True)
with_lms(settings, partial(fetch_answers, folder=folder, chunk_events=20))
"""


def fetching(root: Path, lms: Simulator, **settings: object) -> subprocess.Popen:
    """A process that fetches every event of the LMS; it is at its first call."""
    given = {
        "root": str(root),
        "url": lms.url,
        "event_ids": list(lms.lms.events),
        "settings": {"concurrency": 8, **settings},
    }
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, json.dumps(given)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "calling\n"
    return process


def answered(root: Path) -> list[str]:
    """The events with an answer in a file that counts."""
    folder = LoadFolder.unfinished(root)
    assert folder is not None
    lines = b"".join(Path(file).read_bytes() for file in folder.answer_files()).splitlines()
    return [json.loads(line)["event_id"] for line in lines]


def test_a_load_killed_at_any_point_calls_no_event_again_that_it_has(tmp_path):
    """Killed at eight moments, most often as a new file appears; the ninth process ends it."""
    rng = random.Random(1)
    with Simulator(SimulatorConfig(events=300, latency_ms=20)) as lms:
        kept: list[str] = []
        for _ in range(8):
            lms.reset_stats()
            process = fetching(tmp_path, lms)
            wait_for_a_chunk(tmp_path, seconds=rng.uniform(0.05, 0.5))
            process.kill()
            process.wait()
            calls = lms.stats()["events"]
            assert not [event_id for event_id in kept if calls.get(event_id)]
            kept = answered(tmp_path)
        assert 0 < len(kept) < 300
        lms.reset_stats()
        assert fetching(tmp_path, lms).wait() == 0
        assert set(lms.stats()["events"]) == set(lms.lms.events) - set(kept)
        assert sorted(answered(tmp_path)) == sorted(lms.lms.events)


def wait_for_a_chunk(root: Path, *, seconds: float) -> None:
    """Until the next file appears, or so many seconds have passed."""
    before = len(list(root.glob("*/chunk-*")))
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(list(root.glob("*/chunk-*"))) == before:
        time.sleep(0.0005)


@pytest.mark.parametrize("settings", [{}, {"rate": 60.0}])
def test_ctrl_c_ends_within_two_seconds_and_keeps_what_was_answered(tmp_path, settings):
    """While calls are under way, and while calls wait for their turn."""
    with Simulator(SimulatorConfig(events=1000, latency_ms=100)) as lms:
        process = fetching(tmp_path, lms, **settings)
        time.sleep(1.0)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
        # Two seconds on a quiet machine.
        assert time.monotonic() - began < 5
        assert process.returncode == -signal.SIGINT
        assert len(answered(tmp_path)) >= sum(lms.stats()["delivered"].values()) - 8 > 8


def test_a_rate_is_never_passed_as_the_lms_sees_it(tmp_path):
    """300 calls at 100 a second, in files of 20: the LMS refuses none.

    A busy machine delivers some calls late, so its limit is above the client's; that no call is
    made too early, virtual clocks show.
    """
    with Simulator(SimulatorConfig(events=300, latency_ms=20, rate_limit=150)) as lms:
        assert fetching(tmp_path, lms, rate=100.0, concurrency=32).wait() == 0
        assert len(answered(tmp_path)) == 300
        assert lms.stats()["rate_limited"] == 0

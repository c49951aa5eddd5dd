"""The simulated LMS at work: its limits, its counts, its start and end."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import aiohttp
import pytest
from lms_calls import calling, one_event

from lyceum_lab.lms import Simulator, SimulatorConfig, SimulatorStartError

# Rate limit and accounting


def test_calls_above_the_rate_limit_are_refused():
    """Of eight calls at once, five are answered and three get 429 with Retry-After."""

    async def script(caller):
        return await asyncio.gather(*[caller.details("e1") for _ in range(8)])

    with one_event(rate_limit=5) as sim:
        answers = calling(sim, script)
        stats = sim.stats()
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 3
    assert {a.headers["Retry-After"] for a in answers if a.status == 429} == {"1"}
    assert (stats["rate_limited"], stats["max_calls_in_one_second"]) == (3, 8)


def test_the_rate_limit_slides():
    """A second after the first two calls, two more are accepted."""

    async def script(caller):
        first = [(await caller.details("e1")).status for _ in range(3)]
        await asyncio.sleep(1.0)
        return first + [(await caller.details("e1")).status for _ in range(2)]

    with one_event(rate_limit=2) as sim:
        assert calling(sim, script) == [200, 200, 429, 200, 200]


def test_the_latency_is_waited_for_side_by_side():
    """Twenty calls at 100 ms take less than a second at once, and at least 100 ms."""

    async def script(caller):
        started = time.monotonic()
        await asyncio.gather(*[caller.details("e1") for _ in range(20)])
        return time.monotonic() - started

    with one_event(latency_ms=100) as sim:
        assert 0.1 <= calling(sim, script) < 1.0


def test_stats_count_calls_answers_and_faults():
    """The stats over HTTP tell two calls of e1, of which one delivered, and a reset clears them."""

    async def script(caller):
        for event_id in ("e1", "e1", "e9"):
            await caller.details(event_id)
        await caller.events()
        stats = (await caller.get("/_stats")).json
        await caller.post("/_stats/reset")
        return stats, (await caller.get("/_stats")).json

    with one_event() as sim:
        sim.script("e1", "http_503")
        stats, reset = calling(sim, script)
    assert len(stats.pop("arrivals")) == 4
    assert stats == {
        "calls": 4,
        "max_calls_in_one_second": 4,
        "events": {"e1": 2, "e9": 1},
        "pages": {"1": 1},
        "delivered": {"e1": 1},
        "statuses": {"200": 3, "503": 1, "404": 1},
        "faults": {"http_503": 1},
        "token_calls": 1,
        "rate_limited": 0,
        "redirects_followed": 0,
    }
    assert (reset["calls"], reset["events"], reset["statuses"]) == (0, {}, {})


def test_a_reset_starts_the_attempts_again():
    """After a reset, a call meets the fault of its first attempt once more."""

    async def script(caller):
        first = (await caller.details("e1")).status
        second = (await caller.details("e1")).status
        sim.reset_stats()
        return first, second, (await caller.details("e1")).status

    with one_event() as sim:
        sim.script("e1", "http_500")
        assert calling(sim, script) == (500, 200, 500)


# Life


def test_stopping_does_not_wait_for_slow_answers():
    """A simulator with a call that would take an hour stops within two seconds."""

    async def script(caller):
        call = asyncio.create_task(caller.details("e1"))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(sim.stop)
        with pytest.raises(aiohttp.ClientConnectionError):
            await call

    sim = one_event(faults="details.slow=1", slow_seconds=3600)
    sim.start()
    started = time.monotonic()
    calling(sim, script)
    assert time.monotonic() - started < 2


def test_a_stopped_simulator_starts_again_on_its_port():
    """After stop and start, the same URL answers."""
    with one_event() as sim:
        url = sim.url
        sim.stop()
        sim.start()
        assert sim.url == url
        assert calling(sim, lambda caller: caller.details("e1")).status == 200


def test_a_port_in_use_is_an_error_that_names_it():
    """A second simulator on the port of the first says that it cannot listen."""
    with one_event() as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(SimulatorStartError, match=f"cannot listen on 127.0.0.1:{port}"):
            Simulator(SimulatorConfig(events=0), port=port).start()


def test_the_secret_is_not_in_the_repr():
    """A printed configuration hides the client secret."""
    assert "hush" not in repr(SimulatorConfig(client_secret="hush"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_process_prints_its_url_serves_and_ends_cleanly(number):
    """The module runs as a process; Ctrl-C or SIGTERM end it with code 0 and no traceback."""
    command = [sys.executable, "-m", "lyceum_lab.lms_simulator", "--events", "3", "--seed", "5"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().strip()
        page = calling(url, lambda caller: caller.events()).json
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    expected = SimulatorConfig(events=3, seed=5).content()
    assert page["data"] == list(expected.events.values())
    assert (process.returncode, errors) == (0, "")


def test_a_wrong_argument_ends_the_process_with_one_clear_line():
    """An unknown fault exits with code 2 and its name."""
    command = [sys.executable, "-m", "lyceum_lab.lms_simulator", "--faults", "http_418=1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Unknown fault 'http_418'; expected one of: http_404, " in done.stderr
    assert "Traceback" not in done.stderr

"""A process that stays brings to the tables what is delivered meanwhile."""

import json
import os
import signal

import pytest
from events_world import CLEAN, deliver
from lakes import fresh
from processes import Line, started

from lyceum.gold.event_kpis import EVENT_PERFORMANCE_KPI

LATER: dict[str, str | bytes] = {
    "participants/later.csv": "participant_id,event_id,attended\nP9,E1,yes\n"
}


@pytest.mark.slow
def test_what_is_delivered_while_a_process_watches_is_in_the_tables(lake):
    deliver(lake, CLEAN)
    process = started(lake.config.home, "events", "run", "--watch", "0.2")
    try:
        until_it_waits(process)
        deliver(lake, LATER)
        said = until_it_waits(process)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
    results = [line for line in said if line.get("name") == "Event pipeline"]
    assert [line["silver.lm_participants"] for line in results] == ["1 new"]
    figures = fresh(lake).read(EVENT_PERFORMANCE_KPI).orderBy("event_date").limit(1)
    assert figures.select("total_registrations", "total_attendees").collect() == [(4, 3)]


def until_it_waits(process) -> list[Line]:
    """What the process says up to the point where it waits for a delivery."""
    said: list[Line] = []
    for line in process.stdout:
        said.append(json.loads(line))
        if str(said[-1].get("text")).startswith("Watching"):
            return said
    pytest.fail(f"the process ended with {process.wait()}")

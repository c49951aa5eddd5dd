"""A process that stays brings to the tables what is delivered meanwhile."""

import os
import signal

import pytest
from events_world import CLEAN, deliver
from lakes import fresh
from processes import Line, said_until, started

from lyceum.gold.event_kpis import EVENT_PERFORMANCE_KPI

LATER: dict[str, str | bytes] = {
    "participants/later.csv": "participant_id,event_id,attended\nP9,E1,yes\n"
}


@pytest.mark.slow
def test_what_is_delivered_while_a_process_watches_is_in_the_tables(lake):
    deliver(lake, CLEAN)
    process = started(lake.config.home, "events", "run", "--watch", "0.2")
    try:
        said_until(process, it_waits)
        deliver(lake, LATER)
        said = said_until(process, it_waits)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
    results = [line for line in said if line.get("name") == "Event pipeline"]
    assert [line["silver.lm_participants"] for line in results] == ["1 new"]
    figures = fresh(lake).read(EVENT_PERFORMANCE_KPI).orderBy("event_date").limit(1)
    assert figures.select("total_registrations", "total_attendees").collect() == [(4, 3)]


def it_waits(line: Line) -> bool:
    return str(line.get("text")).startswith("Watching")

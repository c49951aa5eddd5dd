"""A process that stays brings to the tables what is delivered meanwhile, until Ctrl-C."""

import os
import signal
from dataclasses import replace

import pytest
from events_world import CLEAN, deliver

from lyceum.gold.event_kpis import EVENT_PERFORMANCE_KPI
from lyceum.jobs.events import watch
from lyceum.ops.reporter import Reporter

LATER: dict[str, str | bytes] = {
    "participants/later.csv": "participant_id,event_id,attended\nP9,E1,yes\n"
}


@pytest.mark.slow
def test_what_is_delivered_while_it_watches_is_in_the_tables(lake):
    """Ctrl-C comes at the worst moment: while it still says that it watches."""
    job = deliver(lake, CLEAN)

    class Person(Reporter):
        waits = 0

        def say(self, text: str) -> None:
            if text.startswith("Watching"):
                self.waits += 1
                if self.waits == 1:
                    deliver(lake, LATER)
                else:
                    os.kill(os.getpid(), signal.SIGINT)

    person = Person()
    watch(replace(job, reporter=person), seconds=0.1)
    assert person.waits == 2
    figures = lake.read(EVENT_PERFORMANCE_KPI).orderBy("event_date").limit(1)
    assert figures.select("total_registrations", "total_attendees").collect() == [(4, 3)]

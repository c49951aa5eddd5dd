"""A process that stays brings to the tables what is delivered meanwhile, until Ctrl-C."""

import json
import os
import signal

import pytest
from events_world import CLEAN, deliver

from lakes import fresh
from lyceum.cli import main
from lyceum.runs.reporter import Reporter
from lyceum.systems.events.gold import EVENT_PERFORMANCE_KPI

LATER: dict[str, str | bytes] = {
    "participants/later.csv": "participant_id,event_id,attended\nP9,E1,yes\n"
}


@pytest.mark.slow
def test_what_is_delivered_while_it_watches_is_in_the_tables(lake, monkeypatch, capsys):
    """Ctrl-C comes at the worst moment: while it still says that it watches."""
    said, waits = Reporter.say, []

    def at_the_wait(self: Reporter, text: str) -> None:
        said(self, text)
        if text.startswith("Watching"):
            waits.append(text)
            if len(waits) == 1:
                deliver(lake, LATER)
            else:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Reporter, "say", at_the_wait)
    landing = deliver(lake, CLEAN).landing
    command = ["events", "run", "--landing", str(landing), "--watch", "0.1"]
    assert main(["--home", str(lake.config.home), "--json", *command]) == 0

    assert len(waits) == 2
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    summaries = [line for line in lines if line.get("name") == "Event pipeline"]
    assert [summary["silver.lm_participants"] for summary in summaries] == ["4 new", "1 new"]
    figures = fresh(lake).read(EVENT_PERFORMANCE_KPI).orderBy("event_date").limit(1)
    assert figures.select("total_registrations", "total_attendees").collect() == [(4, 3)]

"""A hundred learners among others, days of runs before and after: no byte names one of them."""

import random

import pytest
from care_lake import maintained
from events_world import CLEAN, PARTICIPANTS, deliver, process
from test_erase import erased, hits, kpis, with_settings

from lyceum.exports.job import Request, export
from lyceum.runs.reporter import Reporter
from lyceum.systems.events.exports import EVENTS_EXPORT
from lyceum.systems.events.job import run
from lyceum.systems.events.replay import replay_events
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS
from soak import IS_SOAK

DAYS = 30 if IS_SOAK else 2


def delivery(day: int, choose: random.Random) -> dict[str, str]:
    """Versions of some of 300 participants, some of which break rules.

    Numbers are even: a log has as an upper bound of long texts their first characters, the last of
    them one higher, which may be the next identifier.
    """
    lines = [
        f"PT{n:06},{choose.choice(['E1', 'E2', 'E3', 'E9', ''])},MDM{n:06},HCP,"
        f"{choose.choice(['true', 'no', '', 'maybe'])},2026-03-{1 + day % 28:02}\n"
        for n in choose.sample(range(0, 600, 2), 150)
    ]
    return {
        f"participants/day{day}.csv": PARTICIPANTS + "".join(lines) + "PT000006,E1,too,many,x,y,z\n"
    }


@pytest.mark.soak
def test_a_hundred_learners_are_erased_and_nothing_brings_them_back(lake):
    choose, home = random.Random(20), lake.config.home
    process(
        lake, {name: text for name, text in CLEAN.items() if not name.startswith("participants")}
    )
    for day in range(DAYS):
        process(lake, delivery(day, choose), day=2 + day)
        export(lake, Reporter(), EVENTS_EXPORT, Request("default", home / "outbound"))
        maintained(lake)
    learners = [f"{kind}{n:06}" for n in range(0, 600, 6) for kind in ("PT", "MDM")]
    before, count = kpis(lake), lake.read(LM_PARTICIPANTS).count()
    said = erased(lake, *learners)
    assert said.lines == []
    assert {row[3] for row in said.tables["Erasures"]} == {"ERASED"}
    assert hits(home, *learners) == []
    assert (kpis(lake), lake.read(LM_PARTICIPANTS).count()) == (before, count)
    run(deliver(lake, {}), full_refresh=True)
    replay_events(lake, Reporter())
    export(lake, Reporter(), EVENTS_EXPORT, Request("default", home / "outbound", is_full=True))
    maintained(with_settings(lake, LYCEUM_HISTORY_HOURS="0"))
    assert hits(home, *learners) == []
    assert (kpis(lake), lake.read(LM_PARTICIPANTS).count()) == (before, count)

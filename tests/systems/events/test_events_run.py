"""Deliveries of files become silver, gold and quarantine, whatever order and state they come in."""

import pytest
from events_world import (
    CLEAN,
    DELIVERIES,
    OPEN_IN_THE_END,
    deliver,
    in_quarantine,
    outputs,
    process,
    versions,
)

from lakes import lake_at
from lyceum.lakehouse import Lakehouse
from lyceum.runs.ledger import ETL_JOB_STATUS
from lyceum.systems.events.bronze import LANDING_PARTICIPANTS, LANDING_TABLES
from lyceum.systems.events.gold import EVENT_PERFORMANCE_KPI
from lyceum.systems.events.job import run
from lyceum.systems.events.pipeline import RefreshError
from lyceum.systems.events.silver.lm_broken_rules import LM_BROKEN_RULES
from lyceum.systems.events.silver.lm_events import LM_EVENTS
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS
from pocketlake.observe import followed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clean(config, tmp_path_factory) -> dict[str, list[tuple[object, ...]]]:
    """Silver and gold of one clean delivery."""
    lake = lake_at(config, tmp_path_factory.mktemp("clean"))
    process(lake, CLEAN)
    return outputs(lake)


@pytest.fixture(scope="module")
def lake(clean, config, tmp_path_factory) -> Lakehouse:
    return lake_at(config, tmp_path_factory.mktemp("five"))


SMALL: dict[str, str | bytes] = {
    "brands/new.csv": "brand_id,brand_name\nB9,Neuro\n",
    "mdm/new.csv": "mdm_id,final_mdm_id\nM4,M5\nX2,\n",
}


class KilledError(BaseException):
    """What ends a run in the middle."""


def killed_at(kind: str, table: str, job) -> None:
    def listen(step: str, subject: str) -> None:
        if (step, subject) == (kind, table):
            raise KilledError

    with followed(listen), pytest.raises(KilledError):
        run(job)


def test_a_clean_delivery_gives_silver_and_gold(clean):
    assert [row[:6] for row in clean["silver.lm_participants"]] == [
        ("P1", "E1", "M1", "M3", "HCP", True),
        ("P2", "E1", "M2", "M3", "HCP", False),
        ("P3", "E2", "M4", "M4", "HCP", True),
        ("P4", "E3", None, None, "Staff", None),
    ]
    assert [(str(d), *rest) for d, *rest in clean["gold.event_performance_kpi"]] == [
        ("2026-03-01", 2, 3, 2, 2 / 3),
        ("2026-03-05", 1, 1, 0, 0.0),
    ]
    assert clean["gold.product_performance_kpi"] == [
        ("B1", "Cardivo", 1, 2, 1),
        ("B2", "Pulmora", 1, 1, 1),
        ("B9", None, 1, 1, 0),
    ]


def test_five_deliveries_give_the_same_as_one_clean_delivery(lake, clean):
    """Out of order, duplicate, corrected, malformed, late; the first run dies and is repeated."""
    job = deliver(lake, DELIVERIES[0], 1)
    killed_at("written", "bronze.landing_participants", job)
    run(job)
    assert in_quarantine(lake) == [("unknown_event", "participants/one.csv")] * 3
    for day, files in enumerate(DELIVERIES[1:], start=2):
        process(lake, files, day)
        if day == 4:
            assert ("unreadable_file", "events/three.csv.gz") in in_quarantine(lake)
    assert outputs(lake) == clean
    assert in_quarantine(lake) == OPEN_IN_THE_END
    mended = in_quarantine(lake, "resolved_at IS NOT NULL")
    assert ("unknown_event", "participants/one.csv") in mended
    assert ("unreadable_file", "events/three.csv.gz") in mended
    rows = lake.read(LANDING_PARTICIPANTS)
    assert rows.count() == rows.dropDuplicates(LANDING_PARTICIPANTS.keys).count() == 14
    assert [r.state for r in _states(lake)] == ["FAILED", *["SUCCESS"] * 5]
    [kept] = (lake.config.home / "quarantine" / "events").iterdir()
    assert kept.name.endswith("-three.csv.gz")


def _states(lake):
    return lake.view(ETL_JOB_STATUS).selectExpr("status AS state").orderBy("started_at").collect()


def test_a_run_without_anything_new_commits_nothing(lake):
    before = versions(lake)
    process(lake, {})
    assert versions(lake) == before


@pytest.mark.parametrize("table", ["bronze.landing_brands", "silver.lm_participants"])
def test_a_run_that_dies_between_two_tables_is_repeated(lake, table):
    """The next test finishes the delivery that dies here twice."""
    killed_at("written", table, deliver(lake, SMALL, 9))


def test_a_small_delivery_changes_only_what_depends_on_it(lake):
    """A new brand name reaches its events; a chain that grows moves its participants."""
    process(lake, SMALL, 9)
    found = outputs(lake)
    assert [r[4] for r in found["silver.lm_events"]] == ["Cardivo", "Pulmora", "Neuro"]
    finals = {row[0]: row[3] for row in found["silver.lm_participants"]}
    assert finals == {"P1": "M3", "P2": "M3", "P3": "M5", "P4": None, "P6": "X2"}
    assert found["gold.product_performance_kpi"][2] == ("B9", "Neuro", 1, 1, 0)
    assert ("unknown_brand", "events/three.csv.gz") not in in_quarantine(lake)
    assert ("mdm_circle", "participants/three.csv") not in in_quarantine(lake)


def test_a_full_refresh_gives_the_same_tables_and_mends_what_others_broke(lake):
    found = outputs(lake)
    counts = {name: lake.read(table).count() for name, table in LANDING_TABLES.items()}
    broken = sorted(map(str, lake.read(LM_BROKEN_RULES).collect()))
    _spoil(lake)
    run(deliver(lake, {}), full_refresh=True)
    assert outputs(lake) == found
    assert sorted(map(str, lake.read(LM_BROKEN_RULES).collect())) == broken
    assert {name: lake.read(table).count() for name, table in LANDING_TABLES.items()} == counts


def _spoil(lake):
    """Rows too many, too few, twice, without a key; in bronze, silver, gold and broken rules."""
    lake.delete(LM_EVENTS, where="event_id = 'E1'")
    for table in (LM_EVENTS, LM_PARTICIPANTS, LM_BROKEN_RULES, EVENT_PERFORMANCE_KPI):
        rows = [row.asDict() for row in lake.read(table).collect()]
        keyless = [{**row, **dict.fromkeys(table.keys)} for row in rows]
        empty = dict.fromkeys(rows[0])
        spoiled = [tuple(row.values()) for row in (*rows, *keyless, empty, empty)]
        lake.append(table, lake.rows(table, spoiled))
    landing = lake.read(LANDING_PARTICIPANTS)
    lake.append(LANDING_PARTICIPANTS, lake.rows(LANDING_PARTICIPANTS, landing.collect()))
    lake.delete(LANDING_PARTICIPANTS, where="participant_id = 'P2'")


def test_a_table_to_refresh_must_be_of_the_pipeline(lake):
    with pytest.raises(RefreshError, match="expected a table of the event pipeline, found 'nope'"):
        run(deliver(lake, {}), refresh=["nope"])

"""Erasure: no byte names the person, figures stay, and nothing brings the person back."""

import io
import signal
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from care_lake import Said
from events_world import CLEAN, deliver, process
from sales_lake import all_jobs, gold, write_files

from lakes import fresh
from lyceum.care.erase import Erasure, LegalHoldError, NobodyError, erase
from lyceum.care.ledger import ERASURE_STATUS, ERASURES
from lyceum.exports.job import Request, export
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.reporter import Reporter
from lyceum.systems.events.exports import EVENTS_EXPORT
from lyceum.systems.events.gold import EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI
from lyceum.systems.events.job import run
from lyceum.systems.events.replay import replay_events
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS
from lyceum.systems.sales.bronze import RAW_TRANSACTION_FILES, RAW_TRANSACTIONS
from lyceum.systems.sales.job_load import load
from processes import killed_at, started

PERSONS = {
    name: text.replace("P1", "PT100001").replace("M1", "MDM900001") for name, text in CLEAN.items()
}


def with_settings(lake: Lakehouse, **settings: str) -> Lakehouse:
    environ = {**lake.config.environ, **settings}
    return Lakehouse(lake.spark, replace(lake.config, environ=environ))


def erased(lake: Lakehouse, *learners: str, hours: int = 0, **options) -> Said:
    said = Said()
    lake = with_settings(lake, LYCEUM_HISTORY_HOURS=str(hours))
    erase(Erasure(lake, said, learners, **options))
    return said


def few(lake: Lakehouse) -> None:
    """A row and a file that name somebody."""
    row = ("PT100001", "E1", "MDM900001", "MDM900001", "HCP", True, None)
    lake.append(LM_PARTICIPANTS, lake.rows(LM_PARTICIPANTS, [row]))
    file = lake.config.home / "landing" / "participants" / "one.csv"
    file.parent.mkdir(parents=True)
    file.write_text("participant_id\npt100001\n")


def kpis(lake: Lakehouse) -> list[object]:
    tables = (EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI)
    return [sorted(map(tuple, lake.read(table).collect()), key=str) for table in tables]


def hits(folder: Path, *ids: str) -> list[str]:
    """The files that name somebody, by means of their own: packed Parquet is read."""
    found = []
    for file in folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            if data.startswith(b"PAR1"):
                data += str(pq.read_table(io.BytesIO(data)).to_pydict()).encode()
            if any(one.upper().encode() in data.upper() for one in ids):
                found.append(str(file.relative_to(folder)))
    return found


def test_a_participant_is_erased_from_every_byte_and_the_key_figures_stay(lake):
    process(lake, {**PERSONS, "participants/bad.csv": "participant_id,event_id\nPT100001,E1,x,y\n"})
    export(lake, Reporter(), EVENTS_EXPORT, Request("default", lake.config.home / "outbound"))
    before, rows = kpis(lake), lake.read(LM_PARTICIPANTS).count()
    assert len(hits(lake.config.home, "PT100001")) > 8
    said = erased(lake, "PT100001", "mdm900001", reason="asked by PT100001")
    assert [row[3] for row in said.tables["Erasures"]] == ["ERASED", "ERASED"]
    assert hits(lake.config.home, "PT100001", "MDM900001") == []
    assert (kpis(lake), lake.read(LM_PARTICIPANTS).count()) == (before, rows)
    ledger = lake.view(ERASURE_STATUS).collect()
    assert {(row.status, row.hits) for row in ledger} == {("ERASED", 0)}
    assert all(row.bytes_scanned > row.files_scanned > 10 for row in ledger)


def test_nothing_that_is_read_again_brings_the_person_back(lake):
    process(lake, PERSONS)
    before = kpis(lake)
    erased(lake, "PT100001", "MDM900001")
    participants = sorted(map(tuple, lake.read(LM_PARTICIPANTS).collect()), key=str)
    job = deliver(lake, {})
    for again in (lambda: run(job), lambda: run(job, full_refresh=True)):
        again()
        assert sorted(map(tuple, lake.read(LM_PARTICIPANTS).collect()), key=str) == participants
    replay_events(lake, Reporter())
    export(
        lake,
        Reporter(),
        EVENTS_EXPORT,
        Request("default", lake.config.home / "outbound", is_full=True),
    )
    assert hits(lake.config.home, "PT100001", "MDM900001") == []
    assert kpis(lake) == before
    assert len(list((lake.config.home / "prepared" / "participants").glob("*.parquet"))) == 1


def test_a_customer_is_erased_and_no_sale_is_counted_twice(lake):
    folder = write_files(lake.config.home / "landing" / "sales")
    all_jobs(lake, folder)
    before, lines = gold(lake), lake.read(RAW_TRANSACTIONS).count()
    assert "17850" in (folder / "2010-12-31.csv").read_text()
    said = erased(lake, "17850")
    assert said.tables["Erasures"][0][3] == "ERASED"
    assert "17850" not in (folder / "2010-12-31.csv").read_text()
    assert lake.read(RAW_TRANSACTIONS).where("customer_id = '17850'").isEmpty()
    version = lake.version(RAW_TRANSACTION_FILES)
    all_jobs(lake, folder)
    assert lake.version(RAW_TRANSACTION_FILES) == version
    assert lake.read(RAW_TRANSACTIONS).count() == lines
    assert gold(lake) == before
    # A stock code of the same digits would be another thing: the file's other columns are as before.
    assert lake.read(RAW_TRANSACTIONS).where("customer_id LIKE 'ERASED-%'").count() == 2


def test_where_a_files_time_cannot_be_kept_it_goes_if_it_was_taken_in(lake, monkeypatch):
    folder = write_files(lake.config.home / "landing" / "sales", ["2010-12-31.csv"])
    load(lake, folder, Reporter())
    write_files(folder, ["2011-01-30.csv"])
    before = lake.read(RAW_TRANSACTIONS).count()

    def refused(*_, **__) -> None:
        raise OSError("a volume")

    monkeypatch.setattr("lyceum.care.files.os.utime", refused)
    erased(lake, "17850", "13047")
    assert [file.name for file in folder.iterdir()] == ["2011-01-30.csv"]
    assert lake.read(RAW_TRANSACTIONS).count() == before
    load(lake, folder, Reporter())
    assert lake.read(RAW_TRANSACTIONS).where("customer_id = '13047'").isEmpty()


def test_a_number_in_quarantine_goes_only_where_it_is_the_customers(lake):
    line = "540009,13047,THING,many,2011-01-30 12:00:00,1.0,13047.0,France\n"
    folder = write_files(lake.config.home / "landing" / "sales", ["2011-01-30.csv"])
    with (folder / "2011-01-30.csv").open("a") as file:
        file.write(line)
    load(lake, folder, Reporter())
    erased(lake, "13047")
    [raw] = [r.raw for r in lake.read(QUARANTINE).where("record_key = '540009'").collect()]
    assert '"StockCode":"13047"' in raw
    assert '"13047.0"' not in raw


def test_until_history_has_passed_the_request_is_pending(lake):
    few(lake)
    said = erased(lake, "PT100001", hours=1)
    assert said.tables["Erasures"][0][3] == "PENDING_PURGE"
    assert said.lines[-1].startswith("Still named in silver.lm_participants: ")
    assert "PT100001" not in said.lines[-1]
    again = erased(lake, "PT100001", hours=1)
    assert again.tables["Erasures"][0][1:4] == (0, 0, "PENDING_PURGE")
    assert erased(lake, "PT100001").tables["Erasures"][0][3] == "ERASED"
    assert [row.status for row in lake.view(ERASURE_STATUS).collect()] == ["ERASED"]
    assert lake.read(ERASURES).count() == 3


def test_where_no_scan_sees_the_files_of_tables_the_history_must_have_passed(lake, monkeypatch):
    few(lake)
    monkeypatch.setattr("lyceum.settings.Settings.is_local_disk", property(lambda _: False))
    states = [erased(lake, "PT100001", hours=hours).tables["Erasures"][0][3] for hours in (1, 1)]
    assert states == ["PENDING_PURGE"] * 2
    assert erased(lake, "PT100001").tables["Erasures"][0][3] == "ERASED"


def test_a_dry_run_counts_what_a_run_would_change_and_changes_nothing(lake):
    few(lake)
    before = hits(lake.config.home, "PT100001")
    dry = erased(lake, "PT100001", dry_run=True)
    assert hits(lake.config.home, "PT100001") == before
    done = erased(lake, "PT100001")
    assert done.tables["Erasures"][0][:3] == dry.tables["Would be erased"][0]


def test_nobody_under_a_legal_hold_is_erased(lake):
    few(lake)
    held = with_settings(lake, LYCEUM_LEGAL_HOLD="pt100001")
    with pytest.raises(LegalHoldError, match="LYCEUM_LEGAL_HOLD"):
        erase(Erasure(held, Reporter(), ["P2xx", "PT100001"]))
    assert not lake.exists(ERASURES)
    with pytest.raises(NobodyError, match="--learner"):
        erase(Erasure(lake, Reporter()))


def test_whom_to_erase_may_stand_in_the_settings(lake):
    """A job of a workspace has no parameter that would name somebody for months."""
    few(lake)
    said = erased(with_settings(lake, LYCEUM_ERASE_LEARNERS="PT100001, MDM900001"))
    assert len(said.tables["Erasures"]) == 2


def test_a_person_nobody_has_is_erased_at_once(lake):
    said = erased(lake, "PT100001")
    assert said.tables["Erasures"][0][1:4] == (0, 0, "ERASED")


@pytest.mark.parametrize(
    "step", ["writing silver.lm_participants", "vacuuming silver.lm_participants"]
)
def test_killed_anywhere_the_same_again_ends_it(lake, step):
    few(lake)
    command = ["erase", "--learner", "PT100001"]
    env = {"LYCEUM_HISTORY_HOURS": "0"}
    assert killed_at(step, lake.config.home, command, env=env) == -signal.SIGKILL
    assert started(lake.config.home, *command, env=env).wait() == 0
    assert hits(lake.config.home, "PT100001") == []
    assert fresh(lake).read(LM_PARTICIPANTS).where("participant_id LIKE 'ERASED-%'").count() == 1

"""Exports from a real lakehouse: what changed, whole files, nothing lost and nothing twice."""

import csv
import json

import pytest

from lakes import lake_at
from lyceum.exports import job
from lyceum.exports.job import DestinationError, export
from lyceum.exports.ledger import EXPORTS, Request
from lyceum.runs.reporter import Reporter
from lyceum.systems.events.exports import EVENTS_EXPORT
from lyceum.systems.events.silver.lm_events import LM_EVENTS
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS
from tables import draw

EVENT_TYPES = {"event_date": "date", "oasis_modified_date": "timestamp"}
PARTICIPANT_TYPES = {"attended": "boolean", "modified_date": "timestamp"}


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def lake(config, tmp_path_factory):
    """A lakehouse with two events and two participants, shared by the tests of the module."""
    lakehouse = lake_at(config, tmp_path_factory.mktemp("export"))
    put_events(
        lakehouse,
        """
        event_id | event_name    | event_date | brand_id | brand_name | indication_id | oasis_modified_date
        E2       | =1+1 "quoted" | 2026-02-01 | B1       | Brand      | I1            | 2026-01-01 10:00:00
        E1       | NULL          | 2026-01-31 | B9       | NULL       |               | 2026-01-01 10:00:00.25
        """,
    )
    participants = """
        participant_id | event_id | mdm_id | final_mdm_id | participant_type | attended | modified_date
        P1             | E1       | M1     | M2           | Attendee         | true     | 2026-01-01 10:00:00
        P2             | E1       | NULL   | NULL         | Speaker          | NULL     | NULL
    """
    lakehouse.merge(LM_PARTICIPANTS, draw(lakehouse.spark, participants, PARTICIPANT_TYPES))
    return lakehouse


def put_events(lake, text):
    lake.merge(LM_EVENTS, draw(lake.spark, text, EVENT_TYPES))


def rename_event(lake, event_id, name):
    row = lake.read(LM_EVENTS).where(f"event_id = '{event_id}'").drop("event_name")
    named = row.selectExpr("*", f"'{name}' AS event_name").select(*lake.read(LM_EVENTS).columns)
    lake.merge(LM_EVENTS, named)


def run(lake, out, consumer="downstream", **options):
    """Export; gives the manifest and, by table, the lines as csv reads them."""
    request = Request("events_export", consumer, out, **options)
    manifest = json.loads(export(lake, Reporter(), EVENTS_EXPORT, request).read_text())
    return manifest, {entry["table"]: lines_of(out / entry["name"]) for entry in manifest["files"]}


def lines_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="|", strict=True))


def names_in(out):
    return sorted(path.name for path in out.iterdir())


def test_the_first_export_has_all_rows(lake, tmp_path):
    manifest, tables = run(lake, tmp_path)
    assert tables["silver.lm_events"] == [
        list(EVENTS_EXPORT.tables[0].columns),
        ["E1", "", "2026-01-31", "B9", "", "", "2026-01-01T10:00:00.25Z"],
        ["E2", '=1+1 "quoted"', "2026-02-01", "B1", "Brand", "I1", "2026-01-01T10:00:00Z"],
    ]
    assert tables["silver.lm_participants"][1:] == [
        ["P1", "E1", "M1", "M2", "Attendee", "true", "2026-01-01T10:00:00Z"],
        ["P2", "E1", "", "", "Speaker", "", ""],
    ]
    names = [entry["name"] for entry in manifest["files"]]
    assert 'E1||2026-01-31|B9||""|' in (tmp_path / names[0]).read_text()
    assert (manifest["kind"], len(names_in(tmp_path))) == ("full", 3)


def test_a_later_export_has_what_changed_even_if_one_was_killed_in_between(
    lake, tmp_path, monkeypatch
):
    """Killed before its files have their names, it leaves nothing; it is finished by the next."""
    rename_event(lake, "E1", "kept")
    lake.delete(LM_PARTICIPANTS, where="participant_id = 'P2'")
    with monkeypatch.context() as patch:
        patch.setattr(job, "_write_json", kill)
        with pytest.raises(KilledError):
            run(lake, tmp_path)
    assert names_in(tmp_path) == []
    rename_event(lake, "E2", "later")
    second, tables = run(lake, tmp_path)
    assert [row[:2] for row in tables["silver.lm_events"][1:]] == [["E2", "later"]]
    assert tables["silver.lm_participants"][1:] == []
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob("manifest_*")]
    (first,) = [manifest for manifest in manifests if manifest != second]
    (events, participants) = first["files"]
    assert [row[:2] for row in lines_of(tmp_path / events["name"])[1:]] == [["E1", "kept"]]
    assert (participants["rows"], participants["removed"]) == (0, [["P2"]])
    assert (first["kind"], events["watermark"]["to_version"]) == (
        "changes",
        second["files"][0]["watermark"]["from_version"],
    )


def test_an_export_killed_before_its_watermark_is_repeated_under_the_same_names(
    lake, tmp_path, monkeypatch
):
    rename_event(lake, "E1", "once")
    with monkeypatch.context() as patch:
        patch.setattr(job, "record", kill_at_the_end)
        with pytest.raises(KilledError):
            run(lake, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 3
    run(lake, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    last = lake.read(EXPORTS).orderBy("recorded_at").collect()[-1]
    assert (last.state, last.destination) == ("DONE", str(tmp_path))


def test_where_the_earlier_version_is_gone_all_rows_are_exported(lake, tmp_path):
    """Only of the table that changed; a spreadsheet gets no formula."""
    rename_event(lake, "E1", "=SUM(A1)")
    lake.vacuum(LM_EVENTS, retain_hours=0)
    manifest, tables = run(lake, tmp_path, is_excel_safe=True)
    assert [row[:2] for row in tables["silver.lm_events"][1:]] == [
        ["E1", "'=SUM(A1)"],
        ["E2", "later"],
    ]
    assert tables["silver.lm_participants"][1:] == []
    assert manifest["excel_safe"] is True


def test_a_folder_that_cannot_be_written_is_named(lake, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DestinationError, match=r"expected a folder to write to, found .*file"):
        run(lake, tmp_path / "file")


def kill(*_arguments):
    raise KilledError


def kill_at_the_end(lake, plan, state, written):
    if state == "DONE":
        raise KilledError
    from lyceum.exports.ledger import record

    record(lake, plan, state, written)

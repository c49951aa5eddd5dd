"""Exports from a real lakehouse: what changed, whole files, nothing lost and nothing twice."""

import json
import signal
from contextlib import suppress

import pytest
from exported_files import consumed, lines_of

from lakes import lake_at
from lyceum.exports import job
from lyceum.exports.job import DestinationError, Request, export
from lyceum.exports.ledger import EXPORT_CHANGES, EXPORTS
from lyceum.runs.reporter import Reporter
from lyceum.systems.events.exports import EVENTS_EXPORT
from lyceum.systems.events.silver.lm_events import LM_EVENTS
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS
from pocketlake.observe import followed
from processes import killed_at
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
    request = Request(consumer, out, **options)
    manifest = json.loads(export(lake, Reporter(), EVENTS_EXPORT, request).read_text())
    return manifest, {entry["table"]: lines_of(out / entry["name"]) for entry in manifest["files"]}


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


def test_a_later_export_has_what_changed(lake, tmp_path):
    """Without a look at earlier versions of the tables: a pipeline's views have none to read."""
    rename_event(lake, "E1", "kept")
    lake.delete(LM_PARTICIPANTS, where="participant_id = 'P2'")
    for table in (LM_EVENTS, LM_PARTICIPANTS):
        lake.compact(table)
        lake.vacuum(table, retain_hours=0)
    manifest, tables = run(lake, tmp_path)
    assert [row[:2] for row in tables["silver.lm_events"][1:]] == [["E1", "kept"]]
    (events, participants) = manifest["files"]
    assert (participants["rows"], participants["removed"]) == (0, [["P2"]])
    assert (manifest["kind"], events["removed"], events["removed_is_complete"]) == (
        "changes",
        [],
        True,
    )
    assert manifest["follows"] == lake.read(EXPORTS).orderBy("recorded_at").first().export_id

    again, tables = run(lake, tmp_path)
    assert (again["follows"], [entry["rows"] for entry in again["files"]]) == (
        manifest["export"],
        [0, 0],
    )


def test_a_value_that_moves_to_the_next_column_is_a_change(lake, tmp_path):
    """NULL in one column is not NULL in its neighbour."""
    run(lake, tmp_path)
    columns = lake.read(LM_PARTICIPANTS).columns
    moved = {"mdm_id": "NULL", "final_mdm_id": "mdm_id"}
    for swap in (moved, {"mdm_id": "final_mdm_id", "final_mdm_id": "NULL"}):
        lake.merge(
            LM_PARTICIPANTS,
            lake.read(LM_PARTICIPANTS).selectExpr(*(f"{swap.get(c, c)} AS {c}" for c in columns)),
        )
        _, tables = run(lake, tmp_path)
        assert len(tables["silver.lm_participants"]) == 2


def test_an_export_that_was_killed_is_finished_with_the_same_names_and_bytes(
    lake, tmp_path, monkeypatch
):
    """Its manifest was out already; what changed meanwhile follows as an export of its own."""
    rename_event(lake, "E1", "once")
    with monkeypatch.context() as patch:
        patch.setattr(job, "_mark_as_sent", kill)
        with pytest.raises(KilledError):
            run(lake, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 3
    rename_event(lake, "E1", "twice")
    second, tables = run(lake, tmp_path)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert before.items() <= after.items()
    assert len(after) == 6
    assert [row[:2] for row in tables["silver.lm_events"][1:]] == [["E1", "twice"]]
    assert lake.read(EXPORT_CHANGES).isEmpty()
    (first,) = [json.loads(text) for name, text in before.items() if "manifest" in name]
    assert second["follows"] == first["export"]


def test_with_other_options_the_changes_of_a_dead_export_are_in_the_next_one(
    lake, tmp_path, monkeypatch
):
    rename_event(lake, "E2", "waits")
    with monkeypatch.context() as patch:
        patch.setattr(job, "_write_files", kill)
        with pytest.raises(KilledError):
            run(lake, tmp_path)
    _, tables = run(lake, tmp_path / "elsewhere")
    assert [row[:2] for row in tables["silver.lm_events"][1:]] == [["E2", "waits"]]
    assert names_in(tmp_path) == ["elsewhere"]


def test_stopped_at_every_boundary_a_consumer_has_every_row_as_it_is(lake, tmp_path):
    """Each export is stopped once, at the next boundary; files of a manifest never change."""
    boundaries, seen = set(), {}
    consumer = "stopped"

    def stop(kind, subject):
        if kind in ("writing", "written") and (kind, subject) not in boundaries:
            boundaries.add((kind, subject))
            raise KilledError

    for number in range(99):
        rename_event(lake, "E1", f"name {number}")
        before = len(boundaries)
        with suppress(KilledError), followed(stop):
            run(lake, tmp_path, consumer)
        for path in tmp_path.iterdir():
            if "manifest" in path.name:
                for entry in json.loads(path.read_text())["files"]:
                    content = (tmp_path / entry["name"]).read_bytes()
                    assert seen.setdefault(entry["name"], content) == content
        if len(boundaries) == before:
            break
    assert {subject for _, subject in boundaries} >= {
        "ops.export_changes",
        "ops.export_rows",
        "ops.exports",
        "ops.etl_job_runs",
    }
    assert consumed(tmp_path, "silver.lm_events") == {
        row.event_id: row.event_name for row in lake.read(LM_EVENTS).collect()
    }


def test_a_consumer_of_its_own_gets_all_rows_fit_for_a_spreadsheet(lake, tmp_path):
    rename_event(lake, "E1", "=SUM(A1)")
    manifest, tables = run(lake, tmp_path, "spreadsheet", is_excel_safe=True)
    assert tables["silver.lm_events"][1][:2] == ["E1", "'=SUM(A1)"]
    assert (manifest["kind"], manifest["excel_safe"]) == ("full", True)
    full, tables = run(lake, tmp_path, "spreadsheet", is_full=True)
    assert tables["silver.lm_events"][1][:2] == ["E1", "=SUM(A1)"]
    assert (full["kind"], full["follows"]) == ("full", None)


@pytest.mark.slow
def test_killed_after_its_manifest_an_export_is_finished_by_the_next(lake, tmp_path):
    """SIGKILL, by the command."""
    command = ("events", "export", "--out", str(tmp_path / "out"), "--consumer", "killed")
    home = lake.config.home
    assert killed_at("writing ops.export_rows", home, command) == -signal.SIGKILL
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert killed_at("no step", home, command) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_folder_that_cannot_be_written_is_named(lake, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DestinationError, match=r"expected a folder to write to, found .*file"):
        run(lake, tmp_path / "file")


def kill(*_arguments):
    raise KilledError

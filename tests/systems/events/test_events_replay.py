"""Files that could not be read: repaired, replayed, exported."""

import csv
import json
import os
import shutil
import time
from dataclasses import replace

import pytest

from lyceum.cli import main
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import open_records
from lyceum.runs.reporter import Reporter
from lyceum.systems.events.job import EventsJob
from lyceum.systems.events.job import run as run_events
from lyceum.systems.events.pipeline import TABLES, NotHereError
from lyceum.systems.events.replay import replay_events

EVENTS = "event_id,event_name,event_date,brand_id,indication_id,oasis_modified_date\n"
EVENT = "e1,First,2026-02-01,,,2026-01-01 10:00:00\n"
PEOPLE = "participant_id,event_id,mdm_id,participant_type,attended,modified_date\n"
PERSON = "p1,e1,m1,Attendee,Y,2026-01-01 10:00:00\n"


@pytest.fixture
def home(tmp_path):
    """A home whose landing folder has an event, and participants that nobody can read."""
    put(tmp_path / "landing/events/e.csv", EVENTS + EVENT)
    put(tmp_path / "landing/participants/p.csv", "\x89PNG\r\n\x1a\n\x00\x00\x00")
    return tmp_path


@pytest.fixture
def run(home, capfd):
    """Run a command; gives its result lines."""

    def run(*arguments):
        assert main(["--home", str(home), "--json", *arguments]) == 0
        lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        return {line["name"]: line for line in lines if line.get("event") == "result"}

    return run


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("latin-1"))
    # Old enough for nobody to wait whether somebody is still writing it.
    os.utime(path, (time.time() - 60,) * 2)


def exported(folder, entity):
    (path,) = folder.glob(f"{entity}_*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="|"))[1:]


@pytest.mark.slow
def test_a_file_that_was_repaired_is_taken_in_by_a_replay_and_leaves_with_the_next_export(
    run, home
):
    run("events", "run")
    run("events", "export", "--out", str(home / "out"))
    assert [row[0] for row in exported(home / "out", "lm_events")] == ["E1"]
    assert exported(home / "out", "lm_participants") == []

    (set_aside,) = (home / "quarantine/participants").iterdir()
    put(set_aside, PEOPLE + PERSON)
    replayed = run("quarantine", "replay", "--system", "events")["Replayed"]["rows"][0]
    assert (replayed["mended"], replayed["still open"]) == (1, 0)

    shutil.rmtree(home / "out")
    run("events", "export", "--out", str(home / "out"))
    assert exported(home / "out", "lm_events") == []
    assert exported(home / "out", "lm_participants") == [
        ["P1", "E1", "M1", "M1", "Attendee", "true", "2026-01-01T10:00:00Z"]
    ]


def test_in_a_workspace_the_tables_are_left_to_its_pipeline(lake, tmp_path):
    """The landing volume is where the settings say; a file that was repaired is prepared again."""
    landing = tmp_path / "volume"
    config = replace(lake.config, environ={"LYCEUM_LANDING": str(landing)})
    put(landing / "events/e.csv", EVENTS + EVENT)
    put(landing / "participants/p.csv", PEOPLE + "torn\n" + PERSON)
    here = Lakehouse(lake.spark, config)
    run_events(EventsJob(here, config.landing, Reporter()))
    versions = {table.name: here.version(table) for table in TABLES}

    there = Lakehouse(lake.spark, config)
    there.config = replace(config, engine="workspace")
    put(landing / "participants/p.csv", PEOPLE + PERSON)
    replay_events(there, Reporter())
    assert {table.name: here.version(table) for table in TABLES} == versions
    with pytest.raises(NotHereError, match="found a workspace"):
        run_events(EventsJob(there, config.landing, Reporter()))
    run_events(EventsJob(here, config.landing, Reporter()))
    assert open_records(here, "events").isEmpty()

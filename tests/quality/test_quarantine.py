"""`lyceum quarantine` on a real lakehouse: list, show, replay."""

import json

import pytest
from lms_lake import small_lms

from lakes import lake_at
from lyceum.cli import main
from lyceum.cli.replay import REPLAYS
from lyceum.quality.quarantine import QUARANTINE
from lyceum.quality.rules import quarantine_rows
from lyceum.systems.lms.bronze import EVENT_NOT_FETCHED, LMS_EVENT_SESSION_DETAILS
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.replay import parse_again
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS
from tables import assert_rows, draw


@pytest.fixture(scope="module")
def lake(spark, config, tmp_path_factory):
    """Two payloads, parsed with a wrong setting, so that every session lacks its id."""
    home = tmp_path_factory.mktemp("quarantine")
    lakehouse = lake_at(config, home)
    payloads = """
        event_id | data_value                                           | http_status:int | fetched_at:timestamp | load_id
        e1       | {"data":{"sessions":[{"id":"s1","title":"first"}]}}  | 200             | 2026-01-01 10:00:00  | l1
        e2       | {"data":{"sessions":[{"id":"s2"},{"title":"no id"}]}} | 200             | 2026-01-01 10:00:00  | l1
    """
    lakehouse.append(LMS_EVENT_SESSION_DETAILS, draw(lakehouse.spark, payloads))
    parse_again(lakehouse, LmsFields(session_id="code"))
    return lakehouse


@pytest.fixture
def run(lake, capfd):
    """Run `lyceum quarantine`; gives the exit code and the result lines."""

    def run(*arguments):
        code = main(["--home", str(lake.config.home), "--json", "quarantine", *arguments])
        return code, [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return run


def result(lines, name):
    return next(line for line in lines if line.get("name") == name)


def put_failed_event(lake, event_id):
    """What a load leaves of an event that it could not fetch."""
    failed = f"""
        rule                | severity | detail | source_key | record_key | position:bigint | raw  | load_id | seen_at:timestamp
        {EVENT_NOT_FETCHED} | rejected | failed | {event_id} | {event_id} | NULL            | NULL | l1      | 2026-01-01 10:00:00
    """
    lake.merge(QUARANTINE, quarantine_rows(draw(lake.spark, failed), system="lms"))


@pytest.mark.slow
def test_what_the_present_settings_mend_leaves_quarantine_and_the_rest_stays(
    run, lake, monkeypatch
):
    """First the counts, then one record, then a replay in which the LMS has the failed event too."""
    code, lines = run("list")
    (row,) = result(lines, "In quarantine")["rows"]
    assert code == 0
    assert (row["system"], row["rule"], row["open"], row["resolved"]) == (
        "lms",
        "session_without_id",
        3,
        0,
    )

    code, lines = run("show", row["id"])
    shown = result(lines, "session_without_id")
    assert shown["detail"] == "the session has no id, or an empty one"
    assert shown["source_key"] in ("e1", "e2")
    assert json.loads(shown["raw"]).keys() <= {"id", "title"}

    with small_lms(events=1) as lms:
        put_failed_event(lake, next(iter(lms.lms.events)))
        monkeypatch.setenv("LMS_BASE_URL", lms.url)
        monkeypatch.setenv("LMS_CLIENT_ID", lms.config.client_id)
        monkeypatch.setenv("LMS_CLIENT_SECRET", lms.config.client_secret)
        code, lines = run("replay")
    (row,) = [r for r in result(lines, "Replayed")["rows"] if r["system"] == "lms"]
    assert code == 0
    assert row == {"system": "lms", "were open": 4, "mended": 3, "new": 0, "still open": 1}
    assert_rows(
        lake.read(EVENT_SESSION_DETAILS).where("event_id IN ('e1', 'e2')"),
        """
        session_id | session_title | event_id | removed_at
        s1         | first         | e1       | NULL
        s2         | NULL          | e2       | NULL
        """,
    )

    assert (
        result(run("list", "--all", "--rule", "session_without_id")[1], "In quarantine")["rows"][0][
            "resolved"
        ]
        == 2
    )


def test_a_replay_that_mends_nothing_says_so(run, monkeypatch):
    monkeypatch.setitem(REPLAYS, "lms", lambda *_: None)
    _, lines = run("replay", "--system", "lms")
    assert result(lines, "Replayed")["rows"][0]["mended"] == 0
    assert any("Nothing was mended" in line.get("text", "") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "0000nix"), "expected the identifier of a record in quarantine, found '0000nix'"),
        (("show", ""), "expected a value after show, found an empty one: give one or leave it out"),
        (("replay", "--system", ""), "expected a value after --system, found an empty one"),
        (("replay", "--system="), "expected a value after --system, found an empty one"),
        (("list", "--system", "nix"), "expected the system of a record, found 'nix': one of lms"),
        (("list", "--rule", "nix"), "expected the rule of a record, found 'nix': one of"),
        (
            ("replay", "--system", "nix"),
            "expected a system that can replay, found 'nix': one of events, lms",
        ),
    ],
)
def test_bad_usage_is_one_line(run, arguments, message):
    code, lines = run(*arguments)
    assert code == 2
    assert message in lines[-1]["message"]

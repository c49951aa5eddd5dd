"""What a person, or a program, sees of a job."""

import io
import json

import pytest

from lyceum.runs.reporter import Reporter


def test_a_step_is_one_line_with_amount_and_speed(capsys):
    reporter = Reporter("plain", io.StringIO())
    with reporter.step("Fetch", unit="events", total=10) as step:
        reporter.advance(step, 10)
        step.note = "all new"
    err = capsys.readouterr().err
    assert err.startswith("✓ Fetch: 10 events, ")
    assert "/s · all new · 0.0 s" in err


def test_a_failed_step_is_marked(capsys):
    with pytest.raises(ValueError, match="broken"), Reporter("plain").step("Fetch"):
        raise ValueError("broken")
    assert capsys.readouterr().err.startswith("✗ Fetch: ")


def test_as_json_every_line_is_an_object():
    out = io.StringIO()
    reporter = Reporter("json", out)
    with reporter.step("Fetch", unit="events") as step:
        reporter.advance(step, 3)
    reporter.table("Rows", ["a", "b"], [(1, None)])
    reporter.result("Sum", {"n": 1})
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["started", "done", "result", "result"]
    assert lines[1]["units"] == 3
    assert lines[2]["rows"] == [{"a": 1, "b": None}]
    assert lines[3]["n"] == 1


def test_quiet_says_nothing(capsys):
    out = io.StringIO()
    reporter = Reporter("quiet", out)
    with reporter.step("Fetch"):
        reporter.say("hello")
    reporter.table("Rows", ["a"], [(1,)])
    assert (out.getvalue(), *capsys.readouterr()) == ("", "", "")


def test_a_long_value_is_folded_not_cut():
    out = io.StringIO()
    Reporter("plain", out).table("Rows", ["id"], [("x" * 300,)])
    assert out.getvalue().count("x") == 300

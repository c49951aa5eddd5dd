"""The wheel's entry point, as a workspace and a console script call them."""

import sys

import pytest

from lyceum.cli import main, run_process
from lyceum.cli.parsing import complaint


def test_a_command_that_fails_raises(monkeypatch, capsys):
    """A workspace calls the function and ignores what it returns."""
    monkeypatch.setattr(sys, "argv", ["lyceum", "lms", "get", "--nothing-of-the-kind"])
    with pytest.raises(SystemExit, match="2"):
        run_process()
    assert "No such option: --nothing-of-the-kind" in capsys.readouterr().err


def test_a_command_that_succeeds_returns(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lyceum", "lms", "get", "--help"])
    assert run_process() is None
    assert "event_id" in capsys.readouterr().out


def test_an_empty_option_is_one_that_is_not_given(capsys):
    """A job's parameter without a value arrives as an empty text."""
    of_task = ["lms", "load", "--settings", "LMS_RATE=5", "--rate", "", "--since=", "--nothing"]
    assert main(of_task) == 2
    assert "No such option: --nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rate", "5", "--since", ""], None),
        (["--concurrency", "many"], "Invalid value for '--concurrency'"),
        (["--conurrency", ""], "No such option: --conurrency"),
        (["more"], "unexpected extra argument"),
        (["--settings", "LYCEUM_HOME= LMS_RATE=5"], None),
        (["--settings", "LMS_RATE 5"], "expected settings like NAME=VALUE, found 'LMS_RATE'"),
        (["--settings", "LYCEUM_ENGINE=fast"], "expected LYCEUM_ENGINE to be embedded"),
    ],
)
def test_arguments_are_tried_without_running_the_command(arguments, said):
    found = complaint(run_process, ["lms", "load", *arguments])
    assert found is None if said is None else said in found


def test_foreign_entry_points_are_left_alone():
    assert complaint(sys.exit, ["--whatever"]) is None

"""The hand-written fixtures: they hold, and a figure that does not is shown."""

import io

import pytest

from lyceum.runs.reporter import Reporter
from lyceum.systems.stream import validate as fixtures


def test_the_transforms_give_what_the_fixtures_expect(lake):
    fixtures.validate(lake, Reporter())


def test_a_figure_that_differs_is_shown_beside_the_expected_one(lake, monkeypatch):
    read = fixtures._lines

    def spoiled(name):
        for line in read(name):
            yield line | {"delta": "0.06"} if line.get("delta") == "0.05" else line

    monkeypatch.setattr(fixtures, "_lines", spoiled)
    out = io.StringIO()
    with pytest.raises(fixtures.FixtureError, match="others in 1 of 3 tables"):
        fixtures.validate(lake, Reporter("json", out))
    shown = out.getvalue().splitlines()[0]
    assert '"": "expected"' in shown
    assert '"delta": "0.060000"' in shown
    assert '"delta": "0.050000"' in shown

"""Every argument that names something, with values that name nothing: one line, and nothing done."""

from pathlib import Path
from random import Random

import pytest
from hostile_values import VALUES

from lyceum.cli import main
from soak import IS_SOAK

pytestmark = pytest.mark.soak
A_COMMAND = len(VALUES) if IS_SOAK else 2
COMMANDS = (
    "run {}",
    "run sales_daily -t {}",
    "run sales_daily --param {}",
    "run sales_daily --var {}",
    "run sales_daily --only {}",
    "run sales_daily --from {}",
    "run sales_daily --bundle {}",
    "jobs -t {}",
    "jobs --bundle {}",
    "repair {}",
    "status {}",
    "status --limit {}",
    "tables {}",
    "sql {}",
    "sql VALUES(1) --format {}",
    "sql VALUES(1) --limit {}",
    "ops trace {}",
    "ops health --last {}",
    "ops cleanup --older-than {}",
    "quarantine list --system {}",
    "quarantine list --rule {}",
    "quarantine show {}",
    "quarantine replay --system {}",
    "events run --refresh {}",
    "events run --landing {}",
    "events run --watch {}",
    "lms load --since {}",
    "lms load --rate {}",
    "lms get {}",
    "lms serve --faults {}",
    "lms serve --dirt {}",
    "lms serve --port {}",
    "sales load {}",
    "sales monthly --year {}",
    "sample events there --dirt {}",
    "bundle check --bundle {}",
    "bundle check --schema {}",
    "bundle check -t {}",
    "etl facts --date {}",
    "etl run-job --job {}",
    "etl backfill --from {} --to 2026-01-31",
    "stream run --once --from {}",
    "stream run --once --files {}",
    "maintain {}",
    "restore {} --version 1",
    "restore silver.lm_events --at {}",
    "{}",
    "events {}",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_value_that_names_nothing_is_refused_in_one_line(command, lake, monkeypatch, capfd):
    monkeypatch.delenv("LMS_BASE_URL", raising=False)
    home, cases = str(lake.config.home), Random(command).sample(VALUES, A_COMMAND)
    for value in cases:
        if value == "--":
            continue  # the end of the options is no value
        words = [value if word == "{}" else word for word in command.split(" ")]
        code = main(["--home", home, *words])
        out, err = capfd.readouterr()
        assert (code, out) == (2, ""), (value, err)
        assert err.endswith("\n"), value
        assert err[:-1].isprintable(), err
        assert len(err) < 2_000, err
    # What failed is on record, and nothing else is there.
    assert {schema for schema, _ in lake.tables()} <= {"ops"}
    assert not Path("there").exists()
    assert not Path("pwned").exists()

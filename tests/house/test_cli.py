"""The command line as a person uses and misuses it."""

import json
import socket

import pytest
from lms_lake import small_lms

from lyceum.cli import main
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.events.silver.lm_events import LM_EVENTS

CREDENTIALS = ("LMS_BASE_URL", "LMS_CLIENT_ID", "LMS_CLIENT_SECRET")


@pytest.fixture
def run(lake, capfd):
    """Run a command on the lake's home; gives exit code, output and errors."""

    def run(*arguments):
        code = main(["--home", str(lake.config.home), *arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return run


def test_a_query_prints_a_table_or_csv_or_json(run):
    statement = "SELECT 1 AS n, 'a,b' AS text, timestamp'2026-01-02 03:04:05' AS at"
    code, out, err = run("sql", statement)
    assert (code, err) == (0, "")
    assert "2026-01-02 03:04:05" in out
    assert run("sql", statement, "--format", "csv")[1] == (
        'n,text,at\n1,"a,b",2026-01-02 03:04:05\n'
    )
    assert json.loads(run("sql", statement, "--format", "json")[1]) == {
        "n": 1,
        "text": "a,b",
        "at": "2026-01-02 03:04:05",
    }


def test_nested_values_are_json(run):
    out = run("sql", "SELECT parse_json('{\"a\":[1]}') AS v, array(1) AS a", "--json")[1]
    assert json.loads(out) == {"v": '{"a":[1]}', "a": "[1]"}


def test_a_query_may_begin_with_a_comment_and_have_a_name_twice(run):
    """Text with a lone carriage return is quoted in CSV; JSON gives each column a name."""
    statement = "-- two\n/* of\nthem */ SELECT 1 AS a, 'x\r' AS a -- end\n;"
    assert run("sql", statement, "--format", "csv")[1] == 'a,a\n1,"x\r"\n'
    assert json.loads(run("sql", statement, "--json")[1]) == {"a": 1, "a_2": "x\r"}
    assert run("sql", statement)[0] == 0


WRITES = (
    "DELETE FROM silver.lm_events",
    "WITH x AS (SELECT 1) DELETE FROM silver.lm_events",
    "WITH x AS (SELECT * FROM silver.lm_events) INSERT INTO silver.lm_events SELECT * FROM x",
    "WITH x AS (SELECT 1) UPDATE silver.lm_events SET event_name = 'x'",
    "WITH x AS (SELECT 1) MERGE INTO silver.lm_events USING x ON true WHEN MATCHED THEN DELETE",
    "FROM silver.lm_events INSERT INTO silver.lm_events SELECT *",
    "FROM silver.lm_events INSERT OVERWRITE silver.lm_events SELECT *",
    "EXPLAIN ANALYZE DELETE FROM silver.lm_events",
    "EXPLAIN DELETE FROM silver.lm_events",
    "/* SELECT */ DELETE FROM silver.lm_events",
    "(DELETE FROM silver.lm_events)",
    "SELECT 1; DELETE FROM silver.lm_events",
    "SELECT 1) x; DELETE FROM silver.lm_events; SELECT * FROM (SELECT 1",
    "SELECT * FROM (DELETE FROM silver.lm_events)",
    "TRUNCATE TABLE silver.lm_events",
    "DROP TABLE silver.lm_events",
    "CREATE TABLE silver.x AS SELECT 1",
    "SET x = 1",
    "DESCRIBE DELETE FROM silver.lm_events",
    "SHOW; DELETE FROM silver.lm_events",
    "",
    ";",
    "--",
)


@pytest.mark.parametrize("statement", WRITES)
def test_a_query_writes_nothing_however_it_is_disguised(run, lake, statement):
    lake.append(LM_EVENTS, lake.rows(LM_EVENTS, [("E1", *[None] * 6)]))
    before = lake.version(LM_EVENTS)
    code, out, err = run("sql", statement)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert lake.version(LM_EVENTS) == before
    assert lake.read(LM_EVENTS).count() == 1
    assert lake.tables() == [("silver", "lm_events")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sql", "DELETE FROM silver.x"), "expected a query (SELECT, WITH, SHOW, DESCRIBE"),
        (("sql", "SELECT * FROM silver.nix"), "TABLE_OR_VIEW_NOT_FOUND"),
        (("sql", "SELECT 1 FRM x"), "x"),
        (("tables", "nix"), "expected the name of a table, found 'nix': one of bronze."),
        (("nix",), "No such command 'nix'"),
        (("lms", "load", "--rate", "fast"), "Invalid value for '--rate'"),
        (("lms", "load"), "expected LMS_BASE_URL in the environment, found nothing"),
        (("lms", "serve", "--faults", "gremlins=1"), "gremlins"),
    ],
)
def test_bad_usage_gets_one_line_and_exit_code_2(run, monkeypatch, arguments, message):
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    code, out, err = run(*arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert out == ""


def test_an_error_is_a_json_object_too(run):
    code, out, err = run("--json", "tables", "nix")
    assert (code, err) == (2, "")
    assert json.loads(out)["exit_code"] == 2


def test_a_load_shows_its_steps_and_its_tables(run, monkeypatch):
    with small_lms(events=5) as lms:
        values = (lms.url, lms.config.client_id, lms.config.client_secret)
        for name, value in zip(CREDENTIALS, values, strict=True):
            monkeypatch.setenv(name, value)
        code, out, err = run("lms", "load")
        assert code == 0
        assert "✓ Fetch session details: 5 events" in err
        assert "sessions in silver" in out
        assert "Traceback" not in out + err
        assert lms.config.client_secret not in out + err

    code, out, _ = run("tables")
    assert code == 0
    assert "silver.event_session_details" in out
    out = run("tables", "event_session_details")[1]
    assert "one row per LMS session" in out
    assert "LMS session identifier" in out
    assert "WRITE" in out
    assert "SUCCESS" in run("status")[1]


def test_an_engine_that_does_not_answer_is_one_line_and_in_the_log(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nobody = f"SPARK_REMOTE=sc://127.0.0.1:{port}"
    assert main(["--home", str(tmp_path), "--settings", nobody, "sales", "load"]) == 2
    assert f"expected a Spark Connect server at 127.0.0.1:{port}, found" in capsys.readouterr().err
    (line,) = (tmp_path / "logs" / "lyceum.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["message"] == "the engine does not start"


def test_a_run_whose_process_is_gone_shows_as_died(run, lake):
    Run(lake, "lms_session_details", {}, Reporter()).begin()
    assert "DIED" in run("status")[1]

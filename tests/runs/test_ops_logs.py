"""What is logged, where it goes, and what a full disk does to it."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.contextvars import bound_contextvars

from lyceum.runs import logs
from lyceum.runs.logs import get_logger, log_file, open_logs
from lyceum.settings import Settings
from lyceum.systems.lms.settings import LmsSettings
from pocketlake.redaction import redacted, remember_secret

log = get_logger("lyceum.test")


@pytest.fixture
def config(tmp_path: Path):
    """A home whose logs are open; afterwards nobody writes there any more."""
    config = Settings.load(tmp_path, environ={"SHOP_PASSWORD": "open-sesame-1"})
    open_logs(config)
    yield config
    logs._close(logging.getLogger("lyceum"))
    logging.getLogger("lyceum").opened_for = None


def lines(config: Settings) -> list[dict]:
    text = log_file(config).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def waiting() -> list[dict]:
    handlers = logging.getLogger("lyceum").handlers
    return [line for h in handlers if isinstance(h, logs._ToTable) for line in h._waiting]


def test_a_line_says_what_where_and_of_which_run(config):
    """Keyword arguments become metadata; module, function and line are those of the caller."""
    with bound_contextvars(pipeline_name="sales", run_id="r1"):
        log.info("merged", rows=3)
    line = lines(config)[0]
    assert line["timestamp"].endswith("Z")
    assert line["line"] > 0
    assert {k: v for k, v in line.items() if k not in ("timestamp", "line")} == {
        "level": "INFO",
        "message": "merged",
        "logger": "lyceum.test",
        "pipeline_name": "sales",
        "run_id": "r1",
        "module": "test_ops_logs",
        "function": "test_a_line_says_what_where_and_of_which_run",
        "metadata": {"rows": 3},
    }


def test_lines_of_plain_logging_carry_the_run_too(config):
    """A library's logger below ours, with `extra` and a traceback."""
    with bound_contextvars(pipeline_name="sales", run_id="r1"):
        try:
            int("no such month")
        except ValueError:
            logging.getLogger("lyceum.any").exception("%s failed", "it", extra={"attempt": 2})
    line = lines(config)[0]
    assert (line["message"], line["run_id"], line["level"]) == ("it failed", "r1", "ERROR")
    assert line["metadata"]["attempt"] == 2
    assert (
        "invalid literal for int() with base 10: 'no such month'" in line["metadata"]["exception"]
    )


def test_lines_of_runs_wait_for_the_table(config):
    """From INFO up, and only what belongs to a run."""
    log.info("of no run")
    with bound_contextvars(pipeline_name="sales", run_id="r1"):
        log.debug("too small")
        log.warning("merged", rows=3)
    assert [(row["message"], row["metadata"]) for row in waiting()] == [("merged", '{"rows": 3}')]


def test_no_secret_is_logged(config):
    """By its value, by the name it stands under, or as a setting; in messages and tracebacks."""
    log.info("connect to db:open-sesame-1@x", api_key="k", nested={"token": "t", "user": "ann"})
    lms = LmsSettings(base_url="https://lms.test", client_id="c", client_secret="lms-secret-9")
    log.info("client", lms_secret=SecretStr("whatever"), shown=lms.client_secret, lms=repr(lms))
    try:
        int("lms-secret-9")
    except ValueError:
        log.exception("failed")
    text = log_file(config).read_text(encoding="utf-8")
    assert not [s for s in ("open-sesame-1", "lms-secret-9", "whatever", '"k"', '"t"') if s in text]
    assert lines(config)[0]["metadata"] == {
        "api_key": "***",
        "nested": {"token": "***", "user": "ann"},
    }


def test_a_short_secret_does_not_blank_out_words():
    """Five letters are no secret that could be told from a word."""
    remember_secret("sales")
    assert redacted("sales of May") == "sales of May"


def test_verbose_logs_go_to_standard_error(config, capsys):
    """As the same JSON, DEBUG too; asking for less afterwards changes nothing."""
    open_logs(config, to_stderr=True)
    open_logs(config)
    log.debug("seen", n=1)
    assert json.loads(capsys.readouterr().err)["metadata"] == {"n": 1}


def test_in_a_workspace_lines_go_to_standard_error_and_no_file_is_made(tmp_path, capsys):
    """A volume takes files from start to end: nobody can append to one."""
    environ = {"DATABRICKS_RUNTIME_VERSION": "client.5", "LYCEUM_HOME": str(tmp_path)}
    open_logs(Settings.load(environ=environ))
    log.debug("not asked for")
    log.info("seen", n=1)
    assert json.loads(capsys.readouterr().err)["metadata"] == {"n": 1}
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_never_stops_the_work(tmp_path, capsys):
    """The log file is on a full device: one warning, and the lines still wait for the table."""
    config = Settings.load(tmp_path, environ={})
    config.logs.mkdir()
    log_file(config).symlink_to("/dev/full")
    open_logs(config)
    with bound_contextvars(pipeline_name="sales", run_id="r1"):
        for n in range(3):
            log.info("going on", n=n)
    said = capsys.readouterr().err
    assert said.count("log lines are being lost, the work goes on") == 1
    assert "No space left on device" in said
    assert len(waiting()) == 3


def test_a_folder_that_cannot_be_made_never_stops_the_work(tmp_path, capsys):
    """`logs` is a file."""
    config = Settings.load(tmp_path, environ={})
    config.logs.write_text("", encoding="utf-8")
    open_logs(config)
    log.info("going on")
    assert "the work goes on" in capsys.readouterr().err


def test_log_files_rotate(config, monkeypatch):
    """Past its size a file gets a number, and a new one is begun."""
    monkeypatch.setattr(logs, "_FILE_BYTES", 2000)
    logs._close(logging.getLogger("lyceum"))
    logging.getLogger("lyceum").opened_for = None
    open_logs(replace(config))
    for n in range(20):
        log.info("line", n=n)
    names = sorted(file.name for file in config.logs.glob("lyceum.jsonl*"))
    assert names[:2] == ["lyceum.jsonl", "lyceum.jsonl.1"]
    assert all(file.stat().st_size <= 2000 for file in config.logs.glob("lyceum.jsonl*"))

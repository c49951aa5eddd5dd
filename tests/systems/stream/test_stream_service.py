"""The service: what it answers while it works, and how it begins, ends and misses nothing."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from threading import Event
from urllib.error import HTTPError

import pytest
from stream_world import NOON, event, expected_gold, gold

from lakes import fresh
from lyceum.cli import main
from lyceum.runs.ledger import ETL_JOB_STATUS
from lyceum.systems.stream.job import Done
from lyceum.systems.stream.service.monitor import Monitor
from lyceum.systems.stream.service.server import PortError, served
from lyceum.systems.stream.source.files import FileSource
from lyceum.systems.stream.source.messages import row, table
from lyceum_lab.samples.learner_events import LearnerEventsConfig, write_learner_events

EVENTS = [event(n, "mastery_updated", NOON, mastery=n / 10) for n in range(4)]


def asked(url):
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def write(folder, name, events):
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(one) + "\n" for one in events)
    (folder / name).write_text(lines, encoding="utf-8")


def test_files_are_read_on_where_the_last_run_ended(lake, tmp_path):
    folder, home = tmp_path / "files", str(tmp_path)
    write(folder, "a.jsonl", EVENTS[:2])
    run = ["--home", home, "--quiet", "stream", "run", "--once", "--files", str(folder)]
    assert main(run) == 0
    write(folder, "a.jsonl", EVENTS[:3])
    write(folder, "b.jsonl", EVENTS[2:])
    assert main(run) == 0
    ours = fresh(lake)
    assert gold(ours) == expected_gold(EVENTS)
    status = ours.view(ETL_JOB_STATUS).orderBy("started_at").collect()
    assert [(r.job_name, r.status, r.rows_processed) for r in status] == [
        ("learner_stream", "SUCCESS", 2),
        ("learner_stream", "SUCCESS", 3),
    ]


def test_a_batch_ends_at_its_size_and_the_next_goes_on(tmp_path):
    write(tmp_path, "a.jsonl", EVENTS)
    source = FileSource(tmp_path, Event())
    first = source.batch({}, most=3, seconds=0)
    second = source.batch(first.until, most=3, seconds=0)
    assert (first.until, second.until) == ({("a.jsonl", 0): 3}, {("a.jsonl", 0): 4})
    assert source.batch(second.until, most=3, seconds=0) is None


def test_a_message_keeps_key_headers_and_bytes_that_are_no_text():
    rows = [row(("t", 1), 5, b"\xff", key=b"k", headers=[("h", b"v"), ("n", None)])]
    (found,) = table(rows).to_pylist()
    assert found["headers"] == '[["h", "v"], ["n", null]]'
    assert (found["key"], found["value"], found["undecodable"]) == ("k", None, "/w==")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--files", "/nowhere"], "expected a folder of *.jsonl files, found none at /nowhere"),
        ([], "expected KAFKA_BOOTSTRAP_SERVERS in the environment, found nothing"),
    ],
)
def test_a_wrong_start_says_what_to_do(tmp_path, capsys, arguments, said):
    assert main(["--home", str(tmp_path), "stream", "run", "--once", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_health_has_reasons_and_metrics_have_figures():
    monitor = Monitor(interval=60, highest_rejected=0.1)
    with served(monitor, "127.0.0.1", 0) as url:
        assert asked(f"{url}/health") == (200, '{"status": "healthy", "reasons": []}')
        assert asked(f"{url}/ready")[0] == 503
        monitor.is_ready = True
        assert asked(f"{url}/ready")[0] == 200
        monitor.batch_done(Done(1000, 700, 200, 100), seconds=0.3, latency=1.5)
        for lag in range(5):
            monitor.lag({("events_raw", 0): lag})
        status, text = asked(f"{url}/health")
        assert status == 503
        assert json.loads(text)["reasons"] == [
            "the lag grows: 4 messages",
            "200 of the last 1000 messages were rejected",
        ]
        figures = asked(f"{url}/metrics")[1]
        assert "lyceum_stream_messages_quarantined_total 200.0" in figures
        assert 'lyceum_stream_lag{partition="events_raw/0"} 4.0' in figures
        port = int(url.rpartition(":")[2])
        with pytest.raises(PortError, match=f"expected port {port} on 127.0.0.1 to be free"):
            served(monitor, "127.0.0.1", port).__enter__()


def test_no_progress_for_three_intervals_is_not_healthy():
    monitor = Monitor(interval=0.01, highest_rejected=0.1)
    time.sleep(0.05)
    monitor.lag(None, is_idle=True)
    monitor.lag({("events_raw", 0): 1}, is_idle=True)
    assert monitor.problems() == ["no progress for 0 seconds"]
    monitor.lag({("events_raw", 0): 0}, is_idle=True)
    assert monitor.problems() == []
    monitor.failure = "the service has ended: no broker"
    assert monitor.problems() == ["the service has ended: no broker"]


def test_sigterm_ends_the_service_in_order(tmp_path):
    """It answers as long as it lives, and ends with exit code 0."""
    folder = tmp_path / "files"
    write(folder, "a.jsonl", EVENTS)
    environ = {"FLUSH_INTERVAL_SECONDS": "0.2", "STREAM_HTTP_PORT": "0"}
    settings = " ".join(f"{name}={value}" for name, value in environ.items())
    command = [sys.executable, "-m", "lyceum", "--home", str(tmp_path / "home"), "--json"]
    command += ["--settings", settings, "stream", "run", "--files", str(folder)]
    log = (tmp_path / "stderr").open("w+")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as service:
        url = json.loads(service.stdout.readline())["text"].split()[1].removesuffix("/health;")
        deadline = time.monotonic() + 60
        while "events_out_total 4.0" not in asked(f"{url}/metrics")[1]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert asked(f"{url}/health")[0] == 200
        service.send_signal(signal.SIGTERM)
        rest, _ = service.communicate(timeout=30)
    assert service.returncode == 0
    assert json.loads(rest.splitlines()[-1])["events"] == 4
    log.seek(0)
    told = log.read()
    assert "batch done" in told
    assert "told to end" in told


def test_the_sample_has_repeated_late_and_malformed_events(lake, tmp_path):
    """Whatever they come like, each file of a day holds them, and gold has each once."""
    folder = tmp_path / "files"
    files = write_learner_events(LearnerEventsConfig(days=2, learners=20), folder)
    assert [file.name for file in files] == [f"2026-03-0{n}.jsonl" for n in (2, 3, 4)]
    assert files == write_learner_events(LearnerEventsConfig(days=2, learners=20), folder)
    run = ["--home", str(tmp_path), "--quiet", "stream", "run", "--once", "--files", str(folder)]
    assert main(run) == 0
    lines = [line for file in files for line in file.read_text().splitlines()]
    good = [one for one in map(_parsed, lines) if "event_id" in one]
    assert gold(fresh(lake)) == expected_gold(good)
    assert len(lines) - len(good) > 0
    assert len({one["event_id"] for one in good}) < len(good)


def _parsed(line):
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

"""Runs in a process of their own: killed, cancelled, watched."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundlerun.cli import main
from bundlerun.runner.record import all_runs, run_record


def started(bundle, *arguments: str) -> subprocess.Popen[str]:
    """`bundlerun` on the bundle, in a process group of its own."""
    bundle.write()
    paths = [str(bundle.folder.parent / "site"), str(Path(__file__).parent)]
    command = [sys.executable, "-m", "bundlerun", "--home", str(bundle.config.home), *arguments]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=bundle.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def reached(process: subprocess.Popen[str], event: str, task: str | None) -> dict:
    """The first such event that the process tells."""
    assert process.stdout is not None
    for line in process.stdout:
        told = json.loads(line)
        if (told["event"], told.get("task")) == (event, task):
            return told
    pytest.fail(f"it ended before {event} of {task}: {process.communicate()}")


def test_a_run_that_was_killed_is_recognised_and_repaired(bundle, capsys):
    tasks = "{a: value x 1, b: {does: linger, after: a}, c: {does: 'ok {{tasks.a.values.x}}', after: b}}"
    bundle.job("job", tasks)
    process = started(bundle, "--json", "run", "job")
    run_id = reached(process, "task_started", "b")["run"]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    home = ("--home", str(bundle.config.home))
    assert main([*home, "status", run_id]) == 0
    shown = capsys.readouterr().out
    assert f"job  run {run_id}  FAILED" in shown
    assert "✗ b  FAILED" in shown
    assert "its process died" in shown

    bundle.job("job", tasks.replace("linger", "ok")).write()
    assert main([*home, "repair", "job"]) == 0
    record = run_record(bundle.config.home / "runs" / run_id)
    ran = [(a.task, a.number, a.repair, a.state) for a in record.attempts]
    assert ran == [
        ("a", 1, 0, "SUCCESS"),
        ("b", 1, 0, "FAILED"),
        ("b", 2, 1, "SUCCESS"),
        ("c", 1, 1, "SUCCESS"),
    ]
    assert Path(record.last()["c"].facts["log"]).read_text() == "args: 1\n"


def test_ctrl_c_cancels_what_runs_and_what_waits(bundle):
    process = started(
        bundle.job("job", "{a: linger, b: {does: ok, after: a}, c: linger}"), "--json", "run", "job"
    )
    run_id = reached(process, "run_started", None)["run"]
    logs = [bundle.config.home / "runs" / run_id / "logs" / f"{key}.1.log" for key in ("a", "c")]
    while not all(log.exists() and "lingering" in log.read_text() for log in logs):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    ended = [json.loads(line) for line in out.splitlines()]
    states = {e["task"]: e["state"] for e in ended if e["event"] == "task_ended"}
    assert states == {"a": "CANCELED", "b": "CANCELED", "c": "CANCELED"}
    [record] = all_runs(bundle.config.home / "runs")
    assert record.state == "CANCELED"
    assert "cleaned up" in Path(record.last()["a"].facts["log"]).read_text()


def test_without_a_terminal_every_change_is_a_line(bundle):
    process = started(
        bundle.job("job", "{a: ok, b: {does: fail, after: a}, c: {does: ok, after: b}}"),
        "run",
        "job",
    )
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    lines = err.splitlines()
    assert lines[0].startswith("▸ run 2")
    assert lines[1] == "▸ a"
    assert lines[2].startswith("✓ a: SUCCESS · ")
    at = next(n for n, line in enumerate(lines) if line.startswith("✗ b: FAILED · "))
    assert lines[at].endswith("· ValueError: no luck")
    assert lines[at + 1].partition(": ")[2] == 'raise ValueError("no luck\\nat all")'
    assert "tried_tasks.py:" in lines[at + 1]
    assert lines[at + 2].startswith("    log: /")
    assert lines[at + 3] == "✗ c: UPSTREAM_FAILED"
    assert lines[-1].endswith("runs what did not succeed once more")
    assert err.count("no luck") == 2, "the error, and the line of code"

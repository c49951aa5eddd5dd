"""Commands in processes of their own, which a test may kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

Line = dict[str, object]


def started(home: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen:
    """`lyceum --json` in a process group of its own."""
    command = [sys.executable, "-m", "lyceum", "--home", str(home), "--json", *arguments]
    return subprocess.Popen(
        command,
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def killed_when(process: subprocess.Popen, reached: Callable[[Line], bool]) -> None:
    """SIGKILL the process with its JVM and workers as soon as a line of its output says so."""
    assert process.stdout is not None
    if not any(reached(json.loads(line)) for line in process.stdout):
        pytest.fail(f"the process ended with {process.wait()} before it said what was waited for")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def starts(step: str) -> Callable[[Line], bool]:
    return lambda line: (line["event"], line.get("step")) == ("started", step)


KILLED_AT = """
import json, os, signal, sys
from lyceum.cli import main
from pocketlake.observe import followed

last_step, times, *commands = json.loads(sys.argv[1])
reached = []

def kill(kind, subject):
    if f"{kind} {subject}" == last_step:
        reached.append(last_step)
    if len(reached) == times:
        os.killpg(0, signal.SIGKILL)

with followed(kill):
    for command in commands:
        if code := main(command):
            sys.exit(code)
"""


def killed_at(
    step: str,
    home: Path,
    *commands: Sequence[str],
    times: int = 1,
    env: Mapping[str, str] | None = None,
) -> int:
    """The exit code of a process that runs commands, up to a step at which it is killed.

    With `times` it reaches the step so many times before it is killed.

    SIGKILL takes its workers along, and its JVM if it has one of its own.
    """
    given = [step, times, *(["--home", str(home), "--quiet", *command] for command in commands)]
    script = [sys.executable, "-c", KILLED_AT, json.dumps(given)]
    environment = os.environ | (env or {})
    return subprocess.run(script, env=environment, start_new_session=True, check=False).returncode

"""Commands in processes of their own, which a test may kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
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
    for line in process.stdout:
        if reached(json.loads(line)):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return
    pytest.fail(f"the process ended with {process.wait()} before it could be killed")


def starts(step: str) -> Callable[[Line], bool]:
    return lambda line: (line["event"], line.get("step")) == ("started", step)


KILLED_AT = """
import os, signal, sys
from lyceum.cli import main
from lyceum.storage.observe import followed

last_step, *arguments = sys.argv[1:]

def kill(kind, subject):
    if f"{kind} {subject}" == last_step:
        os.killpg(0, signal.SIGKILL)

with followed(kill):
    sys.exit(main(arguments))
"""


def killed_at(step: str, home: Path, *arguments: str) -> int:
    """The exit code of a command that ends itself, its JVM and workers by SIGKILL at a step."""
    command = [sys.executable, "-c", KILLED_AT, step, "--home", str(home), "--quiet", *arguments]
    return subprocess.run(command, start_new_session=True, check=False).returncode

"""Runs commands, each lot in a process forked from this one, which has imported what they need.

A line of JSON on standard input is a lot: `commands`, the step at which it is to be killed, or the
seconds after which. A line with its exit code is the answer.
"""

import json
import os
import signal
import sys
import threading

import pyspark.sql.connect.session
import tenacity  # noqa: F401

from lyceum.cli import main
from lyceum.systems.events import job, replay  # noqa: F401
from lyceum.systems.lms import job as lms_job  # noqa: F401
from lyceum.systems.sales import job_load, job_monthly, job_performance  # noqa: F401
from pocketlake import embedded  # noqa: F401
from pocketlake.observe import followed

assert pyspark.sql.connect.session


def child(commands: list[list[str]], kill_at: int | None) -> int:
    passed = 0

    def kill(_kind, _subject):
        nonlocal passed
        passed += 1
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    with followed(kill):
        return next((code for command in commands if (code := main(command))), 0)


def serve() -> None:
    for line in sys.stdin:
        lot = json.loads(line)
        process = os.fork()
        if process == 0:
            os._exit(child(lot["commands"], lot["kill_at"]))
        timer = threading.Timer(lot["kill_after"] or 3600, os.kill, (process, signal.SIGKILL))
        timer.start()
        _, status = os.waitpid(process, 0)
        timer.cancel()
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()

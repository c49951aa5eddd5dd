"""Tasks that share a process keep to themselves, and leave it as it was."""

import sys
import time
from threading import Event, Thread

import pytest
from pyspark import cloudpickle

from bundlerun.runner.isolation import PLACE, Place, TaskLog, isolated_tasks
from bundlerun.runner.stop import TaskStopped, raise_in_thread
from pocketlake.redaction import remember_secret


def test_a_run_leaves_the_process_as_it_was(bundle):
    before = sys.argv, sys.stdout, sys.stderr, type(sys), Thread.start
    bundle.job("job", "{a: value x 1, b: fail}").run()
    assert (sys.argv, sys.stdout, sys.stderr, type(sys), Thread.start) == before
    assert not isinstance(sys.modules.get("pyspark.dbutils"), type(sys)), "only offered in a run"


def test_arguments_that_a_task_changes_are_its_own(tmp_path):
    outside = list(sys.argv)
    with isolated_tasks():
        token = PLACE.set(Place(TaskLog(tmp_path / "log"), ["mine"]))
        sys.argv[1:] = ["other"]
        assert sys.argv == ["mine", "other"]
        PLACE.reset(token)
        assert sys.argv == outside


def test_what_spark_sends_to_its_workers_can_be_pickled_in_a_run():
    """A function that names `sys` goes by reference to that module."""
    with isolated_tasks():
        assert cloudpickle.loads(cloudpickle.dumps(lambda: sys.version))() == sys.version


def test_a_log_has_no_secrets_and_survives_its_end(tmp_path):
    remember_secret("s3cr3t-value")
    log = TaskLog(tmp_path / "logs" / "a.log")
    print("first s3cr3t-value\nlast line", file=log)
    log.close()
    print("too late", file=log)
    assert log.path.read_text() == "first ***\nlast line\n"
    assert log.last_line == "too late"


def test_an_exception_reaches_a_thread_past_its_handlers():
    started, seen = Event(), []

    def work():
        try:
            while True:
                started.set()
                try:
                    time.sleep(0.001)
                except Exception:  # noqa: BLE001 - as tasks do
                    seen.append("swallowed")
        except TaskStopped:
            seen.append("stopped")

    thread = Thread(target=work, daemon=True)
    thread.start()
    started.wait()
    raise_in_thread(thread.ident, TaskStopped)
    thread.join(5)
    assert seen == ["stopped"]


@pytest.mark.parametrize("exit_code", ["0", "5"])
def test_what_a_task_exits_with_is_its_own(bundle, exit_code):
    record = bundle.job("job", f"a: leave {exit_code}").run()
    assert record.last()["a"].error == (None if exit_code == "0" else "it ended with exit code 5")

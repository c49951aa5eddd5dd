"""Entry points that the tests of the runner call."""

# ruff: noqa: T201, TID251 - these tasks are written for a workspace

import os as _os
import signal as _signal
import subprocess as _subprocess
import sys as _sys
import threading as _threading
import time as _time
from pathlib import Path as _Path

from bundlerun.pipelines.stored import Stored as _Stored

_HOME = _Path(_os.environ.get("BUNDLERUN_HOME", "."))


def ok():
    print("args:", *_sys.argv[1:])


def fail():
    print("about to fail")
    raise ValueError("no luck\nat all")


def code():
    return int(_sys.argv[1])


def leave():
    _sys.exit(int(_sys.argv[1]))


def meet():
    """Succeeds only beside another task that meets, each with its own arguments and output."""
    mine = list(_sys.argv)
    _met(mine[1])
    _sys.argv.append("changed")
    print("I am", mine[1], _sys.argv[1:])
    thread = _threading.Thread(target=lambda: print("thread of", _sys.argv[1]))
    thread.start()
    thread.join()


def flaky():
    """Fails as often as its second argument says; the first one names it."""
    file, failures = _HOME / f"flaky {_sys.argv[1]}", int(_sys.argv[2])
    calls = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(calls))
    if calls <= failures:
        raise RuntimeError(f"call {calls}")


def linger():
    """Goes on until it is stopped."""
    print("lingering")
    try:
        while True:
            _time.sleep(0.01)
    finally:
        print("cleaned up")


def hang():
    """Heeds no exception, and has a child that does neither."""
    _signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
    child = "import time; print('child', flush=True); time.sleep(60)"
    _subprocess.Popen([_sys.executable, "-c", child], start_new_session=True)
    print("hanging", flush=True)
    _time.sleep(60)


def crash():
    """Ends as a library does that breaks."""
    print("about to crash", flush=True)
    _os.kill(_os.getpid(), _signal.SIGSEGV)


def value():
    """Sets the task value of the first argument to the JSON of the second."""
    import json

    from databricks.sdk.runtime import dbutils

    dbutils.jobs.taskValues.set(_sys.argv[1], json.loads(" ".join(_sys.argv[2:])))


def read_value():
    from databricks.sdk.runtime import dbutils

    print("got", dbutils.jobs.taskValues.get(_sys.argv[1], _sys.argv[2], default="nothing"))


def merge_one():
    """Merges one row beside another task that does so too, each with settings of its own."""
    from pyspark.sql import SparkSession

    from bundlerun.config import Config

    spark = SparkSession.builder.getOrCreate()
    lake = Config.load(_HOME, folder=_Path.cwd()).lake(spark)
    spark.conf.set("tried.one", _sys.argv[1])
    _met(_sys.argv[1])
    lake.merge(_MERGED, spark.createDataFrame([(_sys.argv[1],)], "id STRING"))
    print("setting:", spark.conf.get("tried.one"))


def count_with_builder():
    from databricks.sdk.runtime import spark
    from pyspark.sql import SparkSession

    mine = SparkSession.builder.config("tried.asked", "yes").getOrCreate()
    print("counted", mine.table("silver.things").count(), spark.conf.get("tried.asked"))
    print("tried", mine.conf.get("tried.one", "unset"))


def compute_long():
    from pyspark.sql import SparkSession

    print("computing")
    spark = SparkSession.builder.getOrCreate()
    print(spark.range(10**13).selectExpr("sum(hash(id) % 7)").collect())


_MERGED = _Stored("silver.merged", "id STRING NOT NULL COMMENT 'Identifier'", keys=("id",))


def _met(name):
    """Wait for another task that comes here too."""
    folder = _HOME / "met"
    folder.mkdir(exist_ok=True)
    (folder / name).touch()
    until = _time.monotonic() + 60
    while len(list(folder.iterdir())) < 2:
        assert _time.monotonic() < until, "nobody came"
        _time.sleep(0.01)

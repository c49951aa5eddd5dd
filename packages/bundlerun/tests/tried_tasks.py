"""Entry points that the tests of the runner call."""

# ruff: noqa: T201, TID251 - these tasks are written for a workspace

import sys as _sys
import threading as _threading
import time as _time
from pathlib import Path as _Path

from bundlerun.pipelines.work import Stored as _Stored

_barrier = _threading.Barrier(2)
_flaky_calls: dict[str, int] = {}


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
    _barrier.wait(timeout=10)
    _sys.argv.append("changed")
    _barrier.wait(timeout=10)
    print("I am", mine[1], _sys.argv[1:])
    thread = _threading.Thread(target=lambda: print("thread of", _sys.argv[1]))
    thread.start()
    thread.join()


def flaky():
    """Fails as often as its second argument says; the first one names it."""
    name, failures = _sys.argv[1], int(_sys.argv[2])
    _flaky_calls[name] = _flaky_calls.get(name, 0) + 1
    if _flaky_calls[name] <= failures:
        raise RuntimeError(f"call {_flaky_calls[name]}")


def linger():
    """Goes on until it is stopped."""
    print("lingering")
    try:
        while True:
            _time.sleep(0.01)
    finally:
        print("cleaned up")


def hang():
    """Heeds no exception for a while."""
    _time.sleep(0.8)


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
    lake = Config.load(_Path(_sys.argv[2]), folder=_Path(_sys.argv[3])).lake(spark)
    spark.conf.set("tried.one", _sys.argv[1])
    _barrier.wait(timeout=60)
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

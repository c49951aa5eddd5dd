"""What a child process does: one action on a lake, named in its only argument."""

import json
import os
import random
import resource
import signal
import sys
import time
import traceback

from contract_lakes import THINGS, Table, session, things, tuples
from pyspark.sql import functions as F

from pocketlake import ConflictError, Lake
from pocketlake.observe import followed

BIG = Table("silver.big", "k BIGINT, a STRING, b STRING")


def say(answer: object) -> None:
    """To the parent, at once."""
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


def append_each(lake: Lake, name: str, count: int) -> None:
    for number in range(count):
        lake.append(THINGS, things(lake, (f"{name}{number}", number, 0)))


def merge_each(lake: Lake, name: str, count: int) -> None:
    """Count up one row that all share, and add rows of our own; a conflict is tried again."""
    for number in range(count):
        rows = things(lake, ("shared", number, 0), (f"{name}{number}", number, 0))
        for _ in range(50):
            try:
                lake.merge(THINGS, rows)
                break
            except ConflictError:
                time.sleep(random.random() / 20)
        else:
            raise AssertionError


def append_once(lake: Lake, name: str) -> None:
    say(lake.append(THINGS, things(lake, (name, 1, 1)), once=("delivery", 7)))


def create(lake: Lake) -> None:
    lake.ensure(THINGS)
    say(len(lake.history(THINGS, limit=100)))


def count_up(lake: Lake, first: int) -> None:
    """Write version after version, in each of which every row has one number."""
    say("ready")
    for number in range(first, first + 1000):
        write_number(lake, number)


def write_number(lake: Lake, number: int) -> None:
    rows = lake.spark.range(1000).select(
        F.col("id").cast("string").alias("k"), F.lit(number).alias("n"), F.lit(0).alias("m")
    )
    if number % 3 == 0:
        lake.replace(THINGS, rows)
    else:
        lake.merge(THINGS, rows, delete="true")


def killed_at(lake: Lake, kind: str, number: int) -> None:
    """Die without a word at a step of a write."""

    def listener(step: str, _subject: str) -> None:
        if step == kind:
            os.kill(os.getpid(), signal.SIGKILL)

    with followed(listener):
        write_number(lake, number)


def big(lake: Lake, rows: int) -> object:
    texts = (F.sha2((F.col("id") + seed).cast("string"), 256) for seed in (1, 2))
    a, b = texts
    return lake.spark.range(rows).select(F.col("id").alias("k"), a.alias("a"), b.alias("b"))


def append_big(lake: Lake, rows: int) -> None:
    lake.ensure(BIG)
    say("ready")
    lake.append(BIG, big(lake, rows))
    say(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def merge_big(lake: Lake, rows: int) -> None:
    lake.merge(BIG, big(lake, 10))
    say("ready")
    lake.merge(BIG, big(lake, rows))
    say("done")


def query_big(lake: Lake, rows: int) -> None:
    lake.spark.range(10).collect()
    say("ready")
    left, right = big(lake, rows), big(lake, rows)
    say(left.join(right, "a").agg(F.max(F.sha2("a", 512))).collect())


def instants(lake: Lake) -> None:
    """An instant with a zone, on a machine whose own zone is another."""
    from datetime import datetime, timedelta, timezone

    table = Table("silver.instants", "k STRING, at TIMESTAMP")
    zone = timezone(timedelta(hours=2))
    lake.append(table, lake.rows(table, [("a", datetime(2026, 1, 2, 3, 4, 5, 6, zone))]))
    say(lake.read(table).select(F.col("at").cast("string")).collect()[0][0])


def again(lake: Lake, name: str, columns: str) -> None:
    """Write a table as it is with each writer; its rows, as text."""
    table = Table(name, columns)
    rows = lake.read(table)
    lake.merge(table, rows.where("k = 0"), delete="k = 0")
    lake.replace(table, rows.where("k = 0"), where="k = 0")
    lake.append(table, rows.where("k < 0"))
    lake.compact(table)
    say(json.dumps([[repr(value) for value in row] for row in tuples(lake.read(table))]))


def grow(lake: Lake, name: str, columns: str) -> None:
    """A table as it is declared now, and one row more."""
    table = Table(name, columns)
    lake.merge(table, lake.rows(table, [{"k": "grown", "n": 2**40}]))
    say(lake.delete(table, where="k = :k", args={"k": "gone"}))


def write_everything(lake: Lake) -> None:
    """Each writer once; what it leaves."""
    found = {"absent": tuples(lake.read(THINGS))}
    found["once"] = [
        lake.append(THINGS, things(lake, ("a", 1, 1)), once=("delivery", 1)) for _ in range(2)
    ]
    lake.merge(THINGS, things(lake, ("a", 2, 2), ("b", 2, None)))
    lake.merge(THINGS, things(lake, ("b", 4, None)), delete="n = 7")
    lake.replace(THINGS, things(lake, ("b", 5, None)), where="k = 'b'")
    lake.append(THINGS, things(lake, ("c", 3, 3)))
    lake.delete(THINGS, where="k = 'a'")
    lake.compact(THINGS)
    lake.vacuum(THINGS)
    found["rows"] = tuples(lake.read(THINGS))
    found["before"] = tuples(lake.read(THINGS, version=1))
    found["operations"] = [commit.operation for commit in lake.history(THINGS, limit=20)]
    found["files"] = lake.facts(THINGS).files
    say(json.dumps(found))


def run_sql(lake: Lake, *statements: str) -> None:
    for statement in statements:
        lake.spark.sql(statement).collect()
    say("done")


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    started = session(task["engine"])
    opened = Lake(
        started, kind=task["engine"], warehouse=task["warehouse"], schemas=task["schemas"]
    )
    try:
        globals()[task["action"]](opened, *task["args"])
    except KeyboardInterrupt:
        # As a command does: pyspark's client may wait at exit for the end of the query.
        traceback.print_exc()
        os._exit(130)

"""The learner stream: what a batch costs by history, and how fast messages become gold.

python benchmarks/stream.py 1 5 20      # millions of events of history
"""

import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.runs.run import Run
from lyceum.session import new_session
from lyceum.settings import Settings
from lyceum.systems.stream.gold.mastery_deltas import (
    LEARNER_MASTERY,
    MASTERY_DELTAS,
    learner_mastery,
    mastery_deltas,
)
from lyceum.systems.stream.gold.minute_metrics import MINUTE_METRICS, minute_metrics
from lyceum.systems.stream.gold.session_metrics import SESSION_METRICS, session_metrics
from lyceum.systems.stream.job import JOB, process
from lyceum.systems.stream.progress import Progress
from lyceum.systems.stream.silver import LEARNER_EVENTS
from lyceum.systems.stream.source.messages import Batch, row, table

A_DAY = 500_000
LEARNERS = 5_000
BATCH = 10_000
BATCHES = 6
END = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = ("heartbeat", "content_viewed", "question_answered", "mastery_updated")


def fill(lake: Lakehouse, events: int) -> None:
    """A history of whole days up to END, straight into silver and gold, a day a commit."""
    for day in range(events // A_DAY):
        first = END - timedelta(days=events // A_DAY - day)
        n = F.col("id")
        kind = F.element_at(F.array(*map(F.lit, KINDS)), (n % 4 + 1).cast("int"))
        learner = F.pmod(F.xxhash64("id"), F.lit(LEARNERS))
        at = F.timestamp_micros(F.lit(int(first.timestamp() * 1e6)) + n * (86_400_000_000 // A_DAY))
        rows = lake.spark.range(A_DAY).select(
            F.lit(int(f"{first:%Y%m%d}")).alias("date_key"),
            F.concat(F.lit(f"{day}-"), n).alias("event_id"),
            kind.alias("event_type"),
            F.lit("t").alias("tenant_id"),
            F.concat(F.lit("l"), learner).alias("learner_id"),
            F.concat(F.lit(f"s{day}-"), learner).alias("session_id"),
            F.concat(F.lit("c"), n % 100).alias("content_id"),
            F.concat(F.lit("k"), n % 20).alias("skill_id"),
            at.alias("occurred_at"),
            F.when(n % 4 == 2, n % 3 == 0).alias("correct"),
            F.lit(None).cast("decimal(12,4)").alias("score"),
            F.lit(1000).cast("bigint").alias("duration_ms"),
            F.when(n % 4 == 3, (n % 1000) / 1000).cast("decimal(9,6)").alias("mastery"),
            F.lit("{}").alias("payload"),
            F.lit("history").alias("_topic"),
            F.lit(0).alias("_partition"),
            (n + day * A_DAY).alias("_offset"),
            F.lit(first).cast("timestamp").alias("_ingested_at"),
        )
        lake.append(LEARNER_EVENTS, rows)
        events_of_day = lake.read(LEARNER_EVENTS).where(F.col("date_key") == int(f"{first:%Y%m%d}"))
        lake.append(MINUTE_METRICS, minute_metrics(events_of_day))
        lake.append(SESSION_METRICS, session_metrics(events_of_day))
        deltas = mastery_deltas(events_of_day, earlier=lake.read(LEARNER_MASTERY))
        lake.append(MASTERY_DELTAS, deltas)
        lake.merge(LEARNER_MASTERY, learner_mastery(deltas))


def messages(events: int) -> Iterator[Batch]:
    """Batches of the day after the history; each tenth event is hours late."""
    chance = random.Random(1)
    last = events // A_DAY - 1
    for number in range(BATCHES):
        rows = []
        for n in range(BATCH):
            late = timedelta(hours=chance.randrange(24)) if n % 10 == 0 else timedelta()
            at = END + timedelta(seconds=number * 10 + n * 10 / BATCH) - late
            learner = chance.randrange(LEARNERS)
            kind = KINDS[n % 4]
            payload = {"question_answered": {"correct": True}, "mastery_updated": {"mastery": 0.5}}
            event = {
                "event_id": f"{number}-{n}",
                "event_type": kind,
                "tenant_id": "t",
                "learner_id": f"l{learner}",
                "session_id": f"s{last + (not late)}-{learner}",
                "content_id": "c1",
                "skill_id": f"k{n % 20}",
                "occurred_at": at.isoformat(),
                "payload": payload.get(kind, {}) | {"duration_ms": 1000},
            }
            rows.append(row(("events", 0), number * BATCH + n, json.dumps(event).encode()))
        yield Batch(table(rows), {("events", 0): (number + 1) * BATCH})


def bytes_read() -> int:
    """What this process has read, by the system's count."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("rchar")).split()[1])


def measured(events: int) -> None:
    """Fill and measure in a process of its own."""
    with TemporaryDirectory() as home:
        settings = Settings.load(Path(home), {**os.environ, "LYCEUM_HOME": home})
        lake = Lakehouse(new_session(settings), settings)
        began = time.perf_counter()
        fill(lake, events)
        print(
            f"{events:>11,} events of history, filled in {time.perf_counter() - began:.0f} s, "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
        )
        with Run.of(lake, JOB) as run:
            progress = Progress.of(run)
            for batch in messages(events):
                wall, cpu, read = time.perf_counter(), time.process_time(), bytes_read()
                process(run, progress, batch)
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                read = (bytes_read() - read) / 1e6
                print(f"    {BATCH:,} messages: {cpu:5.2f} CPU-s {wall:5.2f} s {read:7.1f} MB read")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"    peak memory {peak:.0f} MB", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measured(int(float(sys.argv[1]) * 1_000_000))
    else:
        for millions in sys.argv[1:] or ("1", "5", "20"):
            os.spawnv(os.P_WAIT, sys.executable, [sys.executable, __file__, millions])

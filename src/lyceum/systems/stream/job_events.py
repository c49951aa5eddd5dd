"""Messages to bronze, their events to silver, what is no event to the quarantine.

Bronze says by itself which offsets it has: a batch is one append. Silver takes an event once, and
the quarantine a span of offsets once, so each step can be repeated after a crash.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.errors import LyceumError
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import QUARANTINE
from lyceum.quality.rules import broken_rules, quarantine_rows
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum.systems.stream.silver import (
    EVENT_RULES,
    LEARNER_EVENTS,
    SYSTEM,
    event_records,
    learner_events,
)
from lyceum.systems.stream.span import Span


class OtherWriterError(LyceumError):
    """Another process has written the same messages."""


def append_messages(lake: Lakehouse, messages: pa.Table, span: Span, *, codec: str) -> None:
    """Append a batch to bronze; raises OtherWriterError if these offsets are there."""
    with TemporaryDirectory(prefix="lyceum-stream-") as folder:
        file = Path(folder, "messages.parquet")
        pq.write_table(messages, file, compression=codec)
        rows = lake.spark.read.parquet(str(file))
        received = F.lit(span.received).cast("timestamp").alias("ingested_at")
        # The sum of all offsets only grows: it numbers the batches of one topic.
        once = (f"{SYSTEM}/bronze", sum(span.until.values()))
        is_new = lake.append(LEARNER_EVENTS_RAW, rows.select("*", received), once=once)
    if not is_new:
        message = "expected to be the only writer of the learner stream, found another one"
        raise OtherWriterError(f"{message}: let only one run")


@contextmanager
def records_of(lake: Lakehouse, span: Span) -> Iterator[DataFrame]:
    """The messages of a span, parsed once: rules and tables then look at plain columns."""
    records = event_records(span.of(lake.read(LEARNER_EVENTS_RAW)))
    with TemporaryDirectory(prefix="lyceum-stream-") as folder:
        yield lake.staged(records, Path(folder, "records"))


def add_events(lake: Lakehouse, records: DataFrame) -> int:
    """Add to silver the events that it has not; how many these are."""
    events = learner_events(records)
    days = [row.date_key for row in events.select("date_key").distinct().collect()]
    if not days:
        return 0
    known = lake.read(LEARNER_EVENTS).where(F.col("date_key").isin(*days))
    keys = list(LEARNER_EVENTS.keys)
    new = events.join(known.select(*keys), on=keys, how="left_anti").select(*events.columns)
    added = new.count()
    if added:
        lake.append(LEARNER_EVENTS, new)
    return int(added)


def quarantine_messages(lake: Lakehouse, records: DataFrame, span: Span) -> tuple[int, int]:
    """Keep the messages that break a rule; how many there are in all, and how many rejected."""
    broken = broken_rules(records, rules=EVENT_RULES)
    counts = broken.agg(
        F.count("*").alias("rows"),
        F.count_distinct(F.when(F.col("severity") == "rejected", _message())).alias("rejected"),
    ).collect()[0]
    if counts.rows:
        once = (f"{SYSTEM}/quarantine", sum(span.until.values()))
        lake.append(QUARANTINE, quarantine_rows(broken, system=SYSTEM), once=once)
    return records.count(), int(counts.rejected)


def _message() -> Column:
    return F.concat_ws("/", "source_key", "record_key")

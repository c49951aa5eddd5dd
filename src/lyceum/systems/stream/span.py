"""Which messages a batch is about: a range of offsets a partition, as conditions on rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.systems.stream.source.messages import Positions, Slice


@dataclass(frozen=True)
class Span:
    """The messages from one position to another; a partition that is new begins at its least."""

    ranges: Mapping[Slice, tuple[int, int]]
    """First offset, and the one after the last, by topic and partition."""
    received: datetime
    """When the latest of them was received, UTC."""

    @property
    def until(self) -> Positions:
        """The positions after it."""
        return {place: stop for place, (_, stop) in self.ranges.items()}

    def of(self, rows: DataFrame, *, prefix: str = "") -> DataFrame:
        """The rows that its messages are or brought; columns are called `prefix` and name.

        Files are passed over by their statistics: each range is positive.
        """
        topic, partition, offset = (
            F.col(f"{prefix}{name}") for name in ("topic", "partition", "offset")
        )
        ranges = [
            (topic == place[0]) & (partition == place[1]) & offset.between(start, stop - 1)
            for place, (start, stop) in self.ranges.items()
        ]
        return rows.where(any_of(ranges))


def any_of(conditions: list[Column]) -> Column:
    """True where one of the conditions is; balanced, as a chain of a thousand ORs is too deep."""
    if len(conditions) <= 1:
        return conditions[0] if conditions else F.lit(False)
    half = len(conditions) // 2
    return any_of(conditions[:half]) | any_of(conditions[half:])


def new_messages(messages: DataFrame, done: Positions, *, since: datetime | None) -> Span | None:
    """What stands in a table of messages beyond some positions; None if nothing does.

    Args:
        messages: topic, partition, offset and ingested_at.
        done: The next offset of each partition that is known.
        since: Nothing new was received before, UTC: older files are not looked at.
    """
    recent = messages if since is None else messages.where(F.col("ingested_at") >= F.lit(since))
    known = any_of(
        [
            (F.col("topic") == topic) & (F.col("partition") == partition) & (F.col("offset") < stop)
            for (topic, partition), stop in done.items()
        ]
    )
    found = recent.where(~known).groupBy("topic", "partition")
    rows = found.agg(
        F.min("offset").alias("first"),
        F.max("offset").alias("last"),
        F.max(F.unix_micros("ingested_at")).alias("received"),
    ).collect()
    if not rows:
        return None
    ranges = {(row["topic"], row["partition"]): (row["first"], row["last"] + 1) for row in rows}
    return Span(ranges, instant(max(row["received"] for row in rows)))


def instant(microseconds: int) -> datetime:
    """The instant so many microseconds after 1970, UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)

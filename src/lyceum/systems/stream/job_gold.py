"""What new events touch, to gold: their minutes, their sessions, the skills whose mastery changed.

What is read is what is touched: the days of the events, and of these the minutes; of sessions the
days around that they reach to; of a skill the days from the event to the learner's latest change.
Every figure is computed anew from silver, so a step that is repeated changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.systems.stream.gold.mastery_deltas import (
    LEARNER_MASTERY,
    MASTERY_DELTAS,
    SKILL,
    learner_mastery,
    mastery_deltas,
)
from lyceum.systems.stream.gold.minute_metrics import MINUTE_METRICS, minute, minute_metrics
from lyceum.systems.stream.gold.session_metrics import SESSION, SESSION_METRICS, session_metrics
from lyceum.systems.stream.silver import LEARNER_EVENTS
from lyceum.systems.stream.span import Span, any_of, instant
from pocketlake import Written

_DAYS_AT_ONCE = 7
_MINUTE = ("date_key", "minute", "tenant_id", "learner_id")


@dataclass(frozen=True)
class Day:
    """A day with new events, and between which instants they are."""

    key: int
    first: datetime
    last: datetime


def update_gold(lake: Lakehouse, span: Span) -> list[Written]:
    """Bring gold up to the events of a span, some days that follow each other at a time."""
    new = span.of(lake.read(LEARNER_EVENTS), prefix="_")
    written = []
    for days in _slices(_days(new)):
        of_days = new.where(F.col("date_key").between(days[0].key, days[-1].key))
        written += [
            _update_minutes(lake, of_days, days),
            _update_sessions(lake, of_days, days),
            *_update_mastery(lake, of_days, days),
        ]
    return written


def _days(new: DataFrame) -> list[Day]:
    micros = F.unix_micros("occurred_at")
    rows = new.groupBy("date_key").agg(F.min(micros).alias("first"), F.max(micros).alias("last"))
    found = [
        Day(row["date_key"], instant(row["first"]), instant(row["last"])) for row in rows.collect()
    ]
    return sorted(found, key=lambda day: day.key)


def _slices(days: list[Day]) -> Iterator[list[Day]]:
    """Days that follow each other, a week at most: a merge looks at all between first and last."""
    part: list[Day] = []
    for day in days:
        if part and (len(part) == _DAYS_AT_ONCE or day.key != _later(part[-1].key, 1)):
            yield part
            part = []
        part.append(day)
    if part:
        yield part


def _update_minutes(lake: Lakehouse, new: DataFrame, days: list[Day]) -> Written:
    touched = new.select("*", minute().alias("minute")).select(*_MINUTE).distinct()
    near = any_of(
        [
            (F.col("date_key") == day.key)
            & (F.col("occurred_at") >= F.lit(_floor(day.first)))
            & (F.col("occurred_at") < F.lit(_floor(day.last) + timedelta(minutes=1)))
            for day in days
        ]
    )
    events = lake.read(LEARNER_EVENTS).where(near).select("*", minute().alias("minute"))
    of_touched = events.join(touched, on=list(_MINUTE), how="left_semi")
    return lake.merge(MINUTE_METRICS, minute_metrics(of_touched.drop("minute")))


def _update_sessions(lake: Lakehouse, new: DataFrame, days: list[Day]) -> Written:
    touched = new.where("session_id IS NOT NULL").select(*SESSION).distinct()
    first = _reach(lake, touched, days[0].key, -1)
    last = _reach(lake, touched, days[-1].key, 1)
    in_reach = F.col("date_key").between(first, last)
    events = lake.read(LEARNER_EVENTS).where(in_reach)
    sessions = session_metrics(events.join(touched, on=list(SESSION), how="left_semi"))
    written = lake.merge(SESSION_METRICS, sessions)
    # A session that begins on another day than before, or was two, has left a row.
    known = lake.read(SESSION_METRICS).where(in_reach)
    keys = list(SESSION_METRICS.keys)
    left = known.join(touched, on=list(SESSION), how="left_semi").join(sessions, keys, "left_anti")
    for row in left.select(*keys).collect():
        where = " AND ".join(f"{key} = :{key}" for key in keys)
        lake.delete(SESSION_METRICS, where=where, args=row.asDict())
    return written


def _reach(lake: Lakehouse, touched: DataFrame, day: int, step: int) -> int:
    """The last day, from a day on in one direction, on which a touched session has an event."""
    while True:
        beside = _later(day, step)
        there = lake.read(LEARNER_EVENTS).where(F.col("date_key") == beside)
        if there.join(touched, on=list(SESSION), how="left_semi").isEmpty():
            return day
        day = beside


def _update_mastery(lake: Lakehouse, new: DataFrame, days: list[Day]) -> tuple[Written, Written]:
    """Of each skill the changes from the first new one on: the one after it has another before."""
    changes = new.where("event_type = 'mastery_updated'")
    touched = changes.groupBy(*SKILL).agg(F.min("occurred_at").alias("since"))
    now = lake.read(LEARNER_MASTERY).join(touched, on=list(SKILL))
    first = touched.agg(F.min(F.unix_micros("since")).alias("first")).collect()[0]["first"]
    if first is None:
        return Written(), Written()
    latest = now.agg(F.max("date_key").alias("latest")).collect()[0]["latest"]
    last = max(days[-1].key, latest or 0)
    reach = F.col("date_key").between(days[0].key, last)
    reach &= F.col("occurred_at") >= F.lit(instant(first))
    known = lake.read(MASTERY_DELTAS).where(reach).join(touched, on=list(SKILL))
    events = lake.read(LEARNER_EVENTS).where(reach & (F.col("event_type") == "mastery_updated"))
    deltas = mastery_deltas(
        events.join(touched, on=list(SKILL)).where("occurred_at >= since"),
        earlier=_earlier_mastery(known.where("occurred_at >= since"), now),
    )
    written = lake.merge(MASTERY_DELTAS, deltas)
    return written, lake.merge(LEARNER_MASTERY, learner_mastery(deltas))


def _earlier_mastery(known: DataFrame, now: DataFrame) -> DataFrame:
    """The mastery before the first new change: what stands at the one after it, else the latest."""
    in_order = Window.partitionBy(*SKILL).orderBy("occurred_at", "event_id")
    ranked = known.select("*", F.row_number().over(in_order).alias("rank"))
    said = ranked.where("rank = 1").select(*SKILL, F.col("mastery_before").alias("mastery"))
    before = now.where("occurred_at < since").select(*SKILL, "mastery")
    # A batch that was killed may have written the changes and not yet the latest mastery.
    return said.unionByName(before.join(said, on=list(SKILL), how="left_anti"))


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _later(key: int, days: int) -> int:
    """The day so many days later, as a number.

    >>> _later(20260228, 1), _later(20260101, -1)
    (20260301, 20251231)
    """
    day = date(key // 10_000, key // 100 % 100, key % 100) + timedelta(days=days)
    return day.year * 10_000 + day.month * 100 + day.day

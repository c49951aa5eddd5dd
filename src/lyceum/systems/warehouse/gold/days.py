"""Days of facts, in UTC: their keys, and the rows that lie in them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lyceum.systems.warehouse.silver import IS_DELETED


@dataclass(frozen=True)
class Span:
    """Days one after another, the last one included."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The instant at which the first day begins."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """The instant at which the last day is over."""
        return datetime.combine(self.last, time(), UTC) + timedelta(days=1)

    @property
    def days(self) -> tuple[date, ...]:
        """Every day of it."""
        count = (self.last - self.first).days + 1
        return tuple(self.first + timedelta(days=number) for number in range(count))

    def has(self, instant: Column) -> Column:
        """True for an instant in it."""
        return (instant >= F.lit(self.start)) & (instant < F.lit(self.end))


def date_key(instant: Column) -> Column:
    """The UTC day as a number, yyyymmdd."""
    return day_key(F.to_date(instant))


def day_key(day: Column) -> Column:
    """A date as a number, yyyymmdd."""
    return (F.year(day) * 10000 + F.month(day) * 100 + F.dayofmonth(day)).cast("int")


def evening(day: Column) -> Column:
    """The last moment of a UTC day."""
    return F.date_add(day, 1).cast("timestamp") - F.expr("INTERVAL 1 MICROSECOND")


def key_of(day: date) -> int:
    """A date as a number.

    >>> key_of(date(2026, 1, 31))
    20260131
    """
    return day.year * 10000 + day.month * 100 + day.day


def latest_of(
    versions: DataFrame, keys: tuple[str, ...], instants: tuple[str, ...], span: Span
) -> DataFrame:
    """The rows as they are now of which one of some instants lies in the days.

    Only keys of which any version lies there are looked at.
    """
    lies = F.lit(False)
    for instant in instants:
        lies = lies | F.coalesce(span.has(F.col(instant)), F.lit(False))
    touched = versions.where(lies).select(*keys).distinct()
    return latest(versions.join(touched, on=list(keys), how="left_semi"), keys).where(lies)


def latest(versions: DataFrame, keys: tuple[str, ...]) -> DataFrame:
    """The rows as the source has them now: of each key its last version, unless it is a delete."""
    newest = Window.partitionBy(*keys).orderBy(F.desc("_snapshot_at"))
    ranked = versions.select("*", F.row_number().over(newest).alias("_rank"))
    return ranked.where((F.col("_rank") == 1) & ~F.col(IS_DELETED)).drop("_rank")

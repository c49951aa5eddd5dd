"""Which months of sales a call is about, and which of them changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from pyspark.errors import PySparkException

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.runs.logs import get_logger
from lyceum.systems.sales.processed_months import Mark, month_key
from lyceum.systems.sales.silver import FACT_SALES_DAILY, month_states
from pocketlake import Version

_log = get_logger(__name__)
States = set[tuple[int, tuple[int, Decimal]]]
"""Months by number, with what changes if one of their rows does."""


class MonthSelectionError(UsageError):
    """A month was given without its year."""


@dataclass(frozen=True)
class Selection:
    """The months that a call is about; all if neither is given."""

    year: int | None = None
    month: int | None = None

    def __post_init__(self) -> None:
        if self.month is not None and self.year is None:
            message = f"expected --year with --month {self.month}, found none: give both"
            raise MonthSelectionError(message)

    @property
    def is_everything(self) -> bool:
        """True if no month is left out."""
        return self.year is None

    def has(self, month: str) -> bool:
        """True if the month is meant."""
        year, _, number = month.partition("-")
        return self.year in (None, int(year)) and self.month in (None, int(number))


def latest_mark(marks: Iterable[Mark], now: Version) -> Mark | None:
    """The mark with the latest version of the table that silver is now."""
    here = [mark for mark in marks if mark.silver.table_id == now.table_id]
    return max(here, key=lambda mark: mark.silver.number, default=None)


def changed_months(
    lake: Lakehouse, marks: Iterable[str], latest: Mark | None, now: Version
) -> set[str]:
    """The months that differ between two versions; all there are if the older is not known."""
    if latest and latest.silver == now:
        return set()
    after = _month_states(lake, now)
    before = _month_states_before(lake, latest)
    if before is None:
        return {*marks, *(month_key(month) for month, _ in after)}
    return {month_key(month) for month, _ in before ^ after}


def _month_states_before(lake: Lakehouse, latest: Mark | None) -> States | None:
    if latest is None:
        return None
    try:
        return _month_states(lake, latest.silver)
    except PySparkException:
        # Vacuum deletes the files of old versions.
        _log.info("version is gone: every month is looked at", version=latest.silver.number)
        return None


def _month_states(lake: Lakehouse, version: Version) -> States:
    daily = lake.read(FACT_SALES_DAILY, version=version.number)
    return {(r.month_id, (r.rows, r.hashes)) for r in month_states(daily).collect()}

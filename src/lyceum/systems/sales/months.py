"""Months of sales: which a call is about, what is known of them, and which of them changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from pyspark.errors import PySparkException

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import View
from lyceum.runs.logs import get_logger
from lyceum.runs.watermarks import WATERMARKS, Watermark
from lyceum.systems.sales.silver import FACT_SALES_DAILY, month_states
from pocketlake import Version

Status = Literal["pending", "in_progress", "completed", "failed"]
States = set[tuple[int, tuple[int, Decimal]]]
"""Months by number, with what changes if one of their rows does."""

JOB = "sales_monthly"
_log = get_logger(__name__)

PROCESSED_MONTHS = View(
    name="ops.processed_months",
    comment="every month of sales that was found in silver, and whether it is added up",
    base=WATERMARKS,
    query=f"""
        SELECT
            CAST(replace(slice, '-', '') AS INT) AS id,
            slice AS month_key,
            CAST(left(slice, 4) AS INT) AS year,
            CAST(right(slice, 2) AS INT) AS month,
            CAST(get_json_object(state, '$.processed_at') AS TIMESTAMP) AS processed_at,
            updated_at,
            get_json_object(state, '$.status') AS status,
            version AS silver_version,
            table_id AS silver_table_id
        FROM {{base}}
        WHERE consumer = '{JOB}' AND source = '{FACT_SALES_DAILY.name}'
    """,
)


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


@dataclass(frozen=True)
class Plan:
    """The months to process, and marks to write without processing, at one version of silver."""

    silver: Version
    chosen: list[Watermark]
    others: list[Watermark]
    """Changed months that are to wait; of an unchanged silver the mark that says its version."""

    def chosen_as(self, status: Status, processed_at: str | None = None) -> list[Watermark]:
        """The chosen months in another state."""
        changes = {"status": status} | ({"processed_at": processed_at} if processed_at else {})
        return [replace(mark, state={**mark.state, **changes}) for mark in self.chosen]


def marked(
    month: str, status: Status, silver: Version, *, processed_at: object = None
) -> Watermark:
    """What is known of a month: no other month up to the version of any mark is without one."""
    return Watermark(silver, month, {"status": status, "processed_at": processed_at})


def latest_mark(marks: Iterable[Watermark], now: Version) -> Watermark | None:
    """The mark with the latest version of the table that silver is now."""
    here = [mark for mark in marks if mark.version.table_id == now.table_id]
    return max(here, key=lambda mark: mark.version.number, default=None)


def changed_months(
    lake: Lakehouse, marks: Mapping[str, Watermark], latest: Watermark | None, now: Version
) -> set[str]:
    """The months that differ between two versions; all there are if the older is not known."""
    if latest and latest.version == now:
        return set()
    after = _month_states(lake, now)
    before = _month_states_before(lake, latest)
    if before is None:
        return {*marks, *(month_key(month) for month, _ in after)}
    return {month_key(month) for month, _ in before ^ after}


def month_key(month_id: int) -> str:
    """The key of a month from its number.

    >>> month_key(201012)
    '2010-12'
    """
    return f"{month_id // 100:04d}-{month_id % 100:02d}"


def _month_states_before(lake: Lakehouse, latest: Watermark | None) -> States | None:
    if latest is None:
        return None
    try:
        return _month_states(lake, latest.version)
    except PySparkException:
        # Vacuum deletes the files of old versions.
        _log.info("version is gone: every month is looked at", version=latest.version.number)
        return None


def _month_states(lake: Lakehouse, version: Version) -> States:
    daily = lake.read(FACT_SALES_DAILY, version=version.number)
    return {(r.month_id, (r.rows, r.hashes)) for r in month_states(daily).collect()}

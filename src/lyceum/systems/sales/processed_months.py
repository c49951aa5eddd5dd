"""The marks of the months that sales have been added up for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from pocketlake import Version

MonthStatus = Literal["pending", "in_progress", "completed", "failed"]

PROCESSED_MONTHS = Table(
    name="ops.processed_months",
    grain="one row per month of sales that was found in silver",
    keys=("month_key",),
    columns="""
        id INT NOT NULL COMMENT 'year * 100 + month',
        month_key STRING NOT NULL COMMENT 'Month, YYYY-MM',
        year INT NOT NULL COMMENT 'Year',
        month INT NOT NULL COMMENT 'Month, 1 to 12',
        processed_at TIMESTAMP COMMENT 'When it was last completed, UTC; NULL if never',
        updated_at TIMESTAMP NOT NULL COMMENT 'When this mark last changed, UTC',
        status STRING NOT NULL COMMENT 'pending (to do), in_progress, completed or failed',
        silver_version BIGINT NOT NULL COMMENT 'Delta version of fact_sales_daily it was found at',
        silver_table_id STRING NOT NULL COMMENT 'Delta id of that table: another one counts anew'
    """,
    cluster_by=(),
)


@dataclass(frozen=True)
class Mark:
    """What is known of a month: no other month up to the version of any mark is without one."""

    month_key: str
    status: MonthStatus
    silver: Version
    processed_at: datetime | None = None

    @property
    def id(self) -> int:
        """The month as a number.

        >>> Mark("2010-12", "pending", Version("t", 1)).id
        201012
        """
        return int(self.month_key.replace("-", ""))


def month_key(month_id: int) -> str:
    """The key of a month from its number.

    >>> month_key(201012)
    '2010-12'
    """
    return f"{month_id // 100:04d}-{month_id % 100:02d}"


def month_marks(lake: Lakehouse) -> dict[str, Mark]:
    """Every month's mark, by month."""
    rows = lake.read(PROCESSED_MONTHS).collect()
    marks = [
        Mark(
            row.month_key,
            cast("MonthStatus", row.status),
            Version(row.silver_table_id, row.silver_version),
            row.processed_at and row.processed_at.astimezone(UTC),
        )
        for row in rows
    ]
    return {mark.month_key: mark for mark in sorted(marks, key=lambda mark: mark.month_key)}


def write_marks(lake: Lakehouse, marks: Iterable[Mark]) -> None:
    """Write the marks in one commit, each over the month's earlier one."""
    now = datetime.now(UTC)
    rows = [
        (
            mark.id,
            mark.month_key,
            mark.id // 100,
            mark.id % 100,
            mark.processed_at,
            now,
            mark.status,
            mark.silver.number,
            mark.silver.table_id,
        )
        for mark in marks
    ]
    if rows:
        frame = lake.rows(PROCESSED_MONTHS, rows)
        lake.merge(PROCESSED_MONTHS, frame, unless_only=("updated_at",))


def delete_marks(lake: Lakehouse) -> None:
    """Delete every mark: all months of silver are then to be processed."""
    lake.delete(PROCESSED_MONTHS, where="true")

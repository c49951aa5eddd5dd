"""The job `sales_monthly`: the months of silver that are new or changed, to gold.

The marks say up to which Delta version of silver all months are known. A run finds the months that
changed since in the change feed, marks them, adds them up and marks them as completed. Killed
anywhere, it leaves marks of unfinished months, which the next run takes up.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from lyceum.errors import UsageError
from lyceum.gold.fact_sales_monthly import FACT_SALES_MONTHLY, fact_sales_monthly
from lyceum.ops.ledger import Run, recorded_run
from lyceum.ops.locks import job_lock
from lyceum.ops.processed_months import (
    Mark,
    MonthStatus,
    delete_marks,
    month_key,
    month_marks,
    write_marks,
)
from lyceum.ops.reporter import Reporter
from lyceum.silver.fact_sales_daily import FACT_SALES_DAILY
from lyceum.storage import Lakehouse, Written, merge
from lyceum.storage.changes import changed_values
from lyceum.storage.versions import Version, current_version, rows_at

JOB = "sales_monthly"


class MonthSelectionError(UsageError):
    """A month was given without its year."""


class ResetError(UsageError):
    """A reset was asked for, and nobody confirmed it."""


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
    """The months to process, and those that are to wait, as marks at one version of silver."""

    silver: Version
    chosen: list[Mark]
    left_out: list[Mark]

    def rows(self) -> list[tuple[str, str]]:
        """Every chosen month, and whether it is new or was processed before."""
        return [(m.month_key, "restated" if m.processed_at else "new") for m in self.chosen]


def monthly(lake: Lakehouse, selection: Selection, reporter: Reporter, *, dry_run: bool) -> None:
    """Process the chosen months that are new, unfinished or changed since they were processed."""
    with job_lock(lake, JOB):
        plan = _plan(lake, selection)
        if plan.chosen and not dry_run:
            with recorded_run(lake, JOB, {"months": [m.month_key for m in plan.chosen]}) as run:
                _process(lake, plan, run, reporter)
        elif plan.left_out and not dry_run:
            write_marks(lake, plan.left_out)
    if plan.chosen:
        title = "Months to process" if dry_run else "Months processed"
        reporter.table(title, ["month", "was"], plan.rows())
    else:
        reporter.say("Every month is processed: there is nothing to do")


def reset(
    lake: Lakehouse,
    selection: Selection,
    reporter: Reporter,
    *,
    confirm: Callable[[str], bool],
    dry_run: bool = False,
) -> None:
    """Forget that the chosen months were processed; the next run processes them again."""
    with job_lock(lake, JOB):
        marks = [mark for mark in month_marks(lake).values() if selection.has(mark.month_key)]
        if not marks:
            reporter.say("No month is marked as processed: there is nothing to reset")
        elif dry_run:
            reporter.table(
                "Marks to delete", ["month", "was"], [(m.month_key, m.status) for m in marks]
            )
        elif not confirm(f"Forget that {_listed(marks)} were processed?"):
            reporter.say("Nothing was reset")
        else:
            _forget(lake, selection, marks)
            reporter.say(f"Reset {_listed(marks)}: `lyceum sales monthly` processes them again")


def _forget(lake: Lakehouse, selection: Selection, marks: list[Mark]) -> None:
    """Delete all marks; of some, keep that they are there: nothing else would find them again."""
    if selection.is_everything:
        delete_marks(lake)
    else:
        write_marks(lake, [replace(m, status="pending", processed_at=None) for m in marks])


def _plan(lake: Lakehouse, selection: Selection) -> Plan:
    """What to do, found without a look at the data if silver is as it was."""
    marks, now = month_marks(lake), current_version(lake, FACT_SALES_DAILY)
    changed = _changed_months(lake, marks.values(), now)
    unfinished = [mark.month_key for mark in marks.values() if mark.status != "completed"]
    open_marks = [
        Mark(month, "pending", now, marks[month].processed_at if month in marks else None)
        for month in sorted({*changed, *unfinished})
    ]
    chosen = [mark for mark in open_marks if selection.has(mark.month_key)]
    return Plan(now, chosen, [m for m in open_marks if m not in chosen and m.month_key in changed])


def _changed_months(lake: Lakehouse, marks: Iterable[Mark], now: Version) -> list[str]:
    here = [mark.silver for mark in marks if mark.silver.table_id == now.table_id]
    seen = max(here, key=lambda silver: silver.number, default=None)
    days = changed_values(lake, FACT_SALES_DAILY, "date_key", after=seen, upto=now)
    if days is None:
        daily = rows_at(lake, FACT_SALES_DAILY, now.number)
        days = [row.date_key for row in daily.select("date_key").distinct().collect()]
    return sorted({month_key(day // 100) for day in days})


def _process(lake: Lakehouse, plan: Plan, run: Run, reporter: Reporter) -> None:
    """Mark, merge, mark."""
    write_marks(lake, [*_as(plan.chosen, "in_progress"), *plan.left_out])
    try:
        with reporter.step(f"Process {_listed(plan.chosen)}") as step:
            written = _merge(lake, plan)
            step.note = f"{written.inserted:,} new, {written.updated:,} changed"
    except Exception:
        write_marks(lake, _as(plan.chosen, "failed"))
        raise
    done = _as(plan.chosen, "completed")
    write_marks(lake, [replace(mark, processed_at=datetime.now(UTC)) for mark in done])
    run.rows_processed = len(plan.chosen)
    run.rows_inserted, run.rows_updated = written.inserted, written.updated


def _merge(lake: Lakehouse, plan: Plan) -> Written:
    daily = rows_at(lake, FACT_SALES_DAILY, plan.silver.number)
    months = daily.where(_in_months([mark.id for mark in plan.chosen]))
    return merge(lake, FACT_SALES_MONTHLY, fact_sales_monthly(months))


def _in_months(ids: list[int]) -> Column:
    """The days of the months as literal ranges, which Delta skips files by."""
    ranges = ((month * 100, month * 100 + 99) for month in ids)
    return reduce(or_, (F.col("date_key").between(low, high) for low, high in ranges))


def _as(marks: list[Mark], status: MonthStatus) -> list[Mark]:
    return [replace(mark, status=status) for mark in marks]


def _listed(marks: list[Mark]) -> str:
    keys = [mark.month_key for mark in marks]
    return f"{len(keys)} months, {keys[0]} to {keys[-1]}" if len(keys) > 1 else f"month {keys[0]}"

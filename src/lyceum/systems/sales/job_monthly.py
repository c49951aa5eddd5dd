"""The job `sales_monthly`: the months of silver that are new or changed, to gold.

The marks say up to which Delta version of silver all months are known. A run compares the months of
that version with those of the present one, marks what changed, adds it up and marks it as
completed. Killed anywhere, it leaves marks of unfinished months, which the next run takes up.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.sales.gold.fact_sales_monthly import FACT_SALES_MONTHLY, fact_sales_monthly
from lyceum.systems.sales.months import Selection, changed_months, latest_mark
from lyceum.systems.sales.processed_months import (
    Mark,
    MonthStatus,
    delete_marks,
    month_marks,
    write_marks,
)
from lyceum.systems.sales.silver import FACT_SALES_DAILY, month_id
from pocketlake import Version, Written

JOB = "sales_monthly"


class ResetError(UsageError):
    """A reset was asked for, and nobody confirmed it."""


@dataclass(frozen=True)
class Plan:
    """The months to process, and marks to write without processing, at one version of silver."""

    silver: Version
    chosen: list[Mark]
    others: list[Mark]
    """Changed months that are to wait; of an unchanged silver the mark that says its version."""


def monthly(lake: Lakehouse, selection: Selection, reporter: Reporter, *, dry_run: bool) -> None:
    """Process the chosen months that are new, unfinished or changed since they were processed."""
    with Run.of(lake, JOB, vars(selection), reporter=reporter) as run:
        plan = _plan(lake, selection)
        if plan and not dry_run:
            if plan.chosen:
                _process(lake, plan, run)
            else:
                write_marks(lake, plan.others)
    if plan and plan.chosen:
        title = "Months to process" if dry_run else "Months processed"
        rows = [(m.month_key, "restated" if m.processed_at else "new") for m in plan.chosen]
        reporter.table(title, ["month", "was"], rows)
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
    with Run.of(lake, JOB, vars(selection), reporter=reporter):
        marks = [mark for mark in month_marks(lake).values() if selection.has(mark.month_key)]
        if not marks:
            reporter.say("No month is marked as processed: there is nothing to reset")
        elif dry_run:
            rows = [(m.month_key, m.status) for m in marks]
            reporter.table("Marks to delete", ["month", "was"], rows)
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


def _plan(lake: Lakehouse, selection: Selection) -> Plan | None:
    """What to do, found without a look at the data if silver is as it was; None without silver."""
    now = lake.version(FACT_SALES_DAILY)
    if now is None:
        return None
    marks = month_marks(lake)
    latest = latest_mark(marks.values(), now)
    changed = changed_months(lake, marks, latest, now)
    unfinished = [mark.month_key for mark in marks.values() if mark.status != "completed"]
    open_marks = [
        Mark(month, "pending", now, marks[month].processed_at if month in marks else None)
        for month in sorted({*changed, *unfinished})
    ]
    chosen = [mark for mark in open_marks if selection.has(mark.month_key)]
    others = [m for m in open_marks if m not in chosen and m.month_key in changed]
    if latest and latest.silver != now and not open_marks:
        others = [replace(latest, silver=now)]
    return Plan(now, chosen, others)


def _process(lake: Lakehouse, plan: Plan, run: Run) -> None:
    """Mark, merge, mark."""
    write_marks(lake, [*_as(plan.chosen, "in_progress"), *plan.others])
    try:
        with run.stage("process_months", title=f"Process {_listed(plan.chosen)}") as step:
            written = _merge(lake, plan)
            step.note = f"{written.inserted:,} new, {written.updated:,} changed"
    except Exception:
        write_marks(lake, _as(plan.chosen, "failed"))
        raise
    done = _as(plan.chosen, "completed")
    write_marks(lake, [replace(mark, processed_at=datetime.now(UTC)) for mark in done])
    run.rows_processed = len(plan.chosen)
    run.rows_inserted, run.rows_updated = written.inserted, written.updated
    run.rows_deleted = written.deleted


def _merge(lake: Lakehouse, plan: Plan) -> Written:
    """The chosen months; one of which silver has no row any more goes from gold too."""
    ids = [mark.id for mark in plan.chosen]
    daily = lake.read(FACT_SALES_DAILY, version=plan.silver.number)
    days = F.col("date_key").between(min(ids) * 100, max(ids) * 100 + 99)
    months = fact_sales_monthly(daily.where(days & month_id().isin(ids)))
    keys = {"months": [mark.month_key for mark in plan.chosen]}
    return lake.merge(FACT_SALES_MONTHLY, months, delete="month_key IN (:months)", args=keys)


def _as(marks: list[Mark], status: MonthStatus) -> list[Mark]:
    return [replace(mark, status=status) for mark in marks]


def _listed(marks: list[Mark]) -> str:
    keys = [mark.month_key for mark in marks]
    return f"{len(keys)} months, {keys[0]} to {keys[-1]}" if len(keys) > 1 else f"month {keys[0]}"

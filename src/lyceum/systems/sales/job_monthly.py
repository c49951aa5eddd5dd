"""The job `sales_monthly`: the months of silver that are new or changed, to gold.

The watermarks say up to which Delta version of silver all months are known. A run compares the
months of that version with those of the present one, marks what changed, adds it up and marks it as
completed. Killed anywhere, it leaves marks of unfinished months, which the next run takes up.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.runs.watermarks import Watermark, read_watermarks
from lyceum.systems.sales.gold.fact_sales_monthly import FACT_SALES_MONTHLY, fact_sales_monthly
from lyceum.systems.sales.months import (
    JOB,
    Plan,
    Selection,
    changed_months,
    latest_mark,
    marked,
)
from lyceum.systems.sales.silver import FACT_SALES_DAILY, month_id
from pocketlake import Written


class ResetError(UsageError):
    """A reset was asked for, and nobody confirmed it."""


def monthly(lake: Lakehouse, selection: Selection, reporter: Reporter, *, dry_run: bool) -> None:
    """Process the chosen months that are new, unfinished or changed since they were processed."""
    if dry_run:
        plan = _plan(lake, selection)
    else:
        with Run.of(lake, JOB, vars(selection), reporter=reporter) as run:
            plan = _plan(lake, selection)
            if plan and plan.chosen:
                _process(run, plan)
            elif plan:
                run.advance(FACT_SALES_DAILY, *plan.others)
    if plan and plan.chosen:
        title = "Months to process" if dry_run else "Months processed"
        rows = [(m.slice, "restated" if m.state["processed_at"] else "new") for m in plan.chosen]
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
    with Run.of(lake, JOB, {**vars(selection), "reset": True}, reporter=reporter) as run:
        marks = [m for m in run.watermarks(FACT_SALES_DAILY).values() if selection.has(m.slice)]
        if not marks:
            reporter.say("No month is marked as processed: there is nothing to reset")
        elif dry_run:
            rows = [(mark.slice, mark.state["status"]) for mark in marks]
            reporter.table("Marks to delete", ["month", "was"], rows)
        elif not confirm(f"Forget that {_listed(marks)} were processed?"):
            reporter.say("Nothing was reset")
        else:
            _forget(run, selection, marks)
            reporter.say(f"Reset {_listed(marks)}: `lyceum sales monthly` processes them again")


def _forget(run: Run, selection: Selection, marks: list[Watermark]) -> None:
    """Delete all marks; of some, keep that they are there: nothing else would find them again."""
    with run.stage("reset"):
        if selection.is_everything:
            run.forget(FACT_SALES_DAILY)
        else:
            pending = [marked(mark.slice, "pending", mark.version) for mark in marks]
            run.advance(FACT_SALES_DAILY, *pending)


def _plan(lake: Lakehouse, selection: Selection) -> Plan | None:
    """What to do, found without a look at the data if silver is as it was; None without silver."""
    now = lake.version(FACT_SALES_DAILY)
    if now is None:
        return None
    marks = read_watermarks(lake, JOB, FACT_SALES_DAILY)
    latest = latest_mark(marks.values(), now)
    changed = changed_months(lake, marks, latest, now)
    unfinished = [mark.slice for mark in marks.values() if mark.state["status"] != "completed"]
    open_marks = [
        marked(
            month,
            "pending",
            now,
            processed_at=marks[month].state["processed_at"] if month in marks else None,
        )
        for month in sorted({*changed, *unfinished})
    ]
    chosen = [mark for mark in open_marks if selection.has(mark.slice)]
    others = [m for m in open_marks if m not in chosen and m.slice in changed]
    if latest and latest.version != now and not open_marks:
        others = [replace(latest, version=now)]
    return Plan(now, chosen, others)


def _process(run: Run, plan: Plan) -> None:
    """Mark, merge, mark."""
    with run.stage("process_months", title=f"Process {_listed(plan.chosen)}") as stage:
        run.advance(FACT_SALES_DAILY, *plan.chosen_as("in_progress"), *plan.others)
        try:
            written = _merge(run.lake, plan)
        except Exception:
            run.advance(FACT_SALES_DAILY, *plan.chosen_as("failed"))
            raise
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
        run.advance(FACT_SALES_DAILY, *plan.chosen_as("completed", now))
        run.rows_processed = len(plan.chosen)
        run.count(written)
        stage.note = str(written)


def _merge(lake: Lakehouse, plan: Plan) -> Written:
    """The chosen months; one of which silver has no row any more goes from gold too."""
    ids = [int(mark.slice.replace("-", "")) for mark in plan.chosen]
    daily = lake.read(FACT_SALES_DAILY, version=plan.silver.number)
    days = F.col("date_key").between(min(ids) * 100, max(ids) * 100 + 99)
    months = fact_sales_monthly(daily.where(days & month_id().isin(ids)))
    keys = {"months": [mark.slice for mark in plan.chosen]}
    return lake.merge(FACT_SALES_MONTHLY, months, delete="month_key IN (:months)", args=keys)


def _listed(marks: list[Watermark]) -> str:
    keys = [mark.slice for mark in marks]
    return f"{len(keys)} months, {keys[0]} to {keys[-1]}" if len(keys) > 1 else f"month {keys[0]}"

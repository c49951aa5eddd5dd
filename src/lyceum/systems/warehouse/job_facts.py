"""The jobs `build_fact_*`: days of fact tables, from bronze and the dimensions.

A day is replaced in one commit, so it is there whole or as it was. It counts as built when the
ledger has its SUCCESS, with the snapshots that the build saw; until then it is built again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice
from uuid import uuid4

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.runs.ledger import record
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run, reason
from lyceum.systems.warehouse.bronze import BRONZE
from lyceum.systems.warehouse.built_days import AS_OF, built_days, seen_of
from lyceum.systems.warehouse.facts import Fact
from lyceum.systems.warehouse.gold.days import Span, key_of
from lyceum.systems.warehouse.gold.members import UNKNOWN

_DAYS_A_QUERY = 31


@dataclass(frozen=True)
class BuiltDay:
    """How a day of a fact table fared."""

    job: str
    day: date
    status: str
    rows_processed: int = 0
    unknown: int = 0
    """Keys of members that no dimension knows."""
    error: str | None = None


def build_fact(
    lake: Lakehouse, fact: Fact, day: date, reporter: Reporter, *, force: bool = False
) -> BuiltDay:
    """Build one day, unless it is built.

    Raises:
        JobIsRunningError: Another process builds the table.
    """
    with Run.of(
        lake, fact.job, {"force": force}, reporter=reporter, target_date=day, wait_seconds=0
    ) as run:
        if run.is_built() and not force:
            run.skip(f"{fact.job} has succeeded for {day}: --force builds it again")
            return BuiltDay(fact.job, day, "SKIPPED")
        run.parameters = {**run.parameters, AS_OF: seen_of(lake, fact)}
        with run.stage("build", title=f"Build {fact.table.short_name} of {day}") as stage:
            before = _counts(lake, fact, Span(day, day))
            _replace(lake, fact, Span(day, day))
            rows, unknown = _counts(lake, fact, Span(day, day)).get(day, (0, 0))
            stage.note = _note(rows, unknown)
        run.rows_processed = run.rows_inserted = rows
        run.rows_deleted = before.get(day, (0, 0))[0]
    return BuiltDay(fact.job, day, "SUCCESS", rows, unknown)


def build_days(
    lake: Lakehouse,
    fact: Fact,
    days: Sequence[date],
    reporter: Reporter,
    *,
    force: bool = False,
) -> list[BuiltDay]:
    """Build many days, those that are built only if forced; a day that fails stops no other.

    Days one after another are built by one query, a month at a time. What is done is in the ledger,
    a row a day, so that a run that was killed goes on where it stopped.
    """
    results: list[BuiltDay] = []
    with Run.of(
        lake, fact.job, {"days": len(days), "force": force}, reporter=reporter, wait_seconds=0
    ) as run:
        done = {} if force else built_days(lake, fact)
        todo = [day for day in days if day not in done]
        results += [BuiltDay(fact.job, day, "SKIPPED") for day in days if day in done]
        with reporter.step(f"Build {fact.table.short_name}", unit="days", total=len(todo)) as step:
            for span in _spans(todo):
                results += _build_span(run, fact, span)
                reporter.advance(step, len(span.days))
    return results


def _build_span(run: Run, fact: Fact, span: Span) -> list[BuiltDay]:
    """Build days by one query; if that fails, one by one."""
    seen = seen_of(run.lake, fact)
    begun = Run(run.lake, fact.job, {**run.parameters, AS_OF: seen}, run.reporter)
    try:
        before = _counts(run.lake, fact, span)
        _replace(run.lake, fact, span)
        after = _counts(run.lake, fact, span)
    except Exception as error:  # noqa: BLE001 - other days do not depend on it
        if len(span.days) > 1:
            return [one for day in span.days for one in _build_span(run, fact, Span(day, day))]
        failed = BuiltDay(fact.job, span.first, "FAILED", error=reason(error))
        record(run.lake, [_day_row(begun, failed, 0)])
        return [failed]
    built = [BuiltDay(fact.job, day, "SUCCESS", *after.get(day, (0, 0))) for day in span.days]
    gone = {day: rows for day, (rows, _) in before.items()}
    record(run.lake, [_day_row(begun, one, gone.get(one.day, 0)) for one in built])
    return built


def _replace(lake: Lakehouse, fact: Fact, span: Span) -> None:
    rows = fact.build(lambda source: lake.read(BRONZE[source]), lake.read, span)
    bounds = {"first": key_of(span.first), "last": key_of(span.last)}
    where = "date_key >= :first AND date_key <= :last"
    lake.replace(fact.table, rows, where=where, args=bounds)


def _counts(lake: Lakehouse, fact: Fact, span: Span) -> dict[date, tuple[int, int]]:
    """Rows and unknown members of each day that has any."""
    unknown = sum((F.count_if(F.col(key) == UNKNOWN) for key in fact.members), F.lit(0))
    facts = lake.read(fact.table)
    within = F.col("date_key").between(key_of(span.first), key_of(span.last))
    days = facts.where(within).groupBy("date_key").agg(F.count("*").alias("n"), unknown.alias("u"))
    return {_day_of(row.date_key): (row.n, row.u) for row in days.collect()}


def _day_of(key: int) -> date:
    return date(key // 10000, key // 100 % 100, key % 100)


def _spans(days: Sequence[date]) -> Iterator[Span]:
    """Days one after another as spans, none longer than a month."""
    rest = iter(sorted(days))
    for first in rest:
        last = first
        wanted = [first + timedelta(days=n) for n in range(1, _DAYS_A_QUERY)]
        for day in wanted:
            if day not in days:
                break
            last = day
        for _ in islice(rest, (last - first).days):
            pass
        yield Span(first, last)


def _day_row(begun: Run, built: BuiltDay, deleted: int) -> dict[str, object]:
    """The row of the ledger of one of the days that a query built."""
    of_day = replace(
        begun,
        id=uuid4().hex,
        target_date=built.day,
        rows_processed=built.rows_processed,
        rows_inserted=built.rows_processed,
        rows_deleted=deleted,
    )
    return of_day.row("FAILED" if built.error else "SUCCESS", built.error)


def _note(rows: int, unknown: int) -> str:
    return f"{rows:,} rows" + (f", {unknown:,} keys of unknown members" if unknown else "")

"""The warehouse for notebooks and programs, by the names of its commands.

    from lyceum.systems.warehouse import etl

    etl.run_all_dimension_syncs()
    etl.run_all_fact_builds(etl.parse_date("2026-01-15"))

Each function takes the lakehouse to work on; without one it opens the lakehouse of the environment.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from lyceum.errors import LyceumError, UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.runs.reporter import Reporter
from lyceum.systems.warehouse.bronze import BRONZE
from lyceum.systems.warehouse.built_days import StaleDay, stale_days
from lyceum.systems.warehouse.facts import FACTS
from lyceum.systems.warehouse.job_dimensions import SyncedDimension, sync_dimensions
from lyceum.systems.warehouse.job_facts import BuiltDay, build_days, build_fact
from lyceum.systems.warehouse.pipeline import SYNCS

JOBS = (*SYNCS, *FACTS)
"""Every job that `run_job` knows."""


class JobError(UsageError):
    """There is no job of that name, or it lacks what it is to build from."""


class DateError(UsageError):
    """A text is no date, or the end of a range is before its start."""


class FactsFailedError(LyceumError):
    """Some fact tables could not be built; the others were."""


def parse_date(text: str) -> date:
    """The date that a text like 2026-01-15 means.

    >>> parse_date("2026-01-15")
    datetime.date(2026, 1, 15)

    Raises:
        DateError: It means none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DateError(f"expected a date like 2026-01-15, found {text!r}") from None


def date_range(start: date, end: date) -> Iterator[date]:
    """Every day from start to end, both included.

    >>> [day.day for day in date_range(date(2026, 1, 30), date(2026, 2, 1))]
    [30, 31, 1]

    Raises:
        DateError: The end is before the start.
    """
    if end < start:
        raise DateError(f"expected the last day on or after {start}, found {end}: turn them round")
    return (start + timedelta(days=number) for number in range((end - start).days + 1))


def yesterday() -> date:
    """The last day that is over, UTC."""
    return datetime.now(UTC).date() - timedelta(days=1)


def run_all_dimension_syncs(
    *, lake: Lakehouse | None = None, reporter: Reporter | None = None
) -> list[SyncedDimension]:
    """Bring bronze and all dimensions up to date with the source."""
    return sync_dimensions(lake or _lakehouse(), reporter or Reporter())


def run_all_fact_builds(
    target_date: date,
    force: bool = False,  # noqa: FBT001, FBT002 - the document's signature
    *,
    lake: Lakehouse | None = None,
    reporter: Reporter | None = None,
) -> list[BuiltDay]:
    """Build a day of all fact tables; one that fails stops no other.

    Raises:
        FactsFailedError: Some failed.
    """
    lake, reporter = lake or _lakehouse(), reporter or Reporter()
    built, errors = [], []
    for job in FACTS:
        try:
            built.append(run_fact_build(job, target_date, force, lake=lake, reporter=reporter))
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001 - another table does not depend on it
            errors.append(f"{job}: {error}")
    if errors:
        raise FactsFailedError("; ".join(errors))
    return built


def run_fact_build(
    job: str,
    target_date: date,
    force: bool = False,  # noqa: FBT001, FBT002 - the document's signature
    *,
    lake: Lakehouse | None = None,
    reporter: Reporter | None = None,
) -> BuiltDay:
    """Build a day of one fact table.

    Raises:
        JobError: Nothing was landed that it could be built from.
        JobIsRunningError: Another process builds the table.
    """
    lake = lake or _lakehouse()
    _check_bronze(lake, job)
    return build_fact(lake, FACTS[job], target_date, reporter or Reporter(), force=force)


def job_build_fact_sessions(target_date: date, force: bool = False) -> BuiltDay:  # noqa: FBT001, FBT002
    """Build a day of `fact_sessions`."""
    return run_fact_build("build_fact_sessions", target_date, force)


def job_build_fact_focus_events(target_date: date, force: bool = False) -> BuiltDay:  # noqa: FBT001, FBT002
    """Build a day of `fact_focus_events`."""
    return run_fact_build("build_fact_focus_events", target_date, force)


def job_build_fact_homework_events(target_date: date, force: bool = False) -> BuiltDay:  # noqa: FBT001, FBT002
    """Build a day of `fact_homework_events`."""
    return run_fact_build("build_fact_homework_events", target_date, force)


def job_build_fact_recommendation_events(target_date: date, force: bool = False) -> BuiltDay:  # noqa: FBT001, FBT002
    """Build a day of `fact_recommendation_events`."""
    return run_fact_build("build_fact_recommendation_events", target_date, force)


def job_build_fact_learning_progress(target_date: date, force: bool = False) -> BuiltDay:  # noqa: FBT001, FBT002
    """Build a day of `fact_learning_progress`."""
    return run_fact_build("build_fact_learning_progress", target_date, force)


def run_job(
    job: str,
    target_date: date | None = None,
    force: bool = False,  # noqa: FBT001, FBT002 - the document's signature
    *,
    lake: Lakehouse | None = None,
    reporter: Reporter | None = None,
) -> SyncedDimension | BuiltDay:
    """Run one job; a fact table is built for yesterday if no date is given.

    Raises:
        JobError: There is no such job.
    """
    lake, reporter = lake or _lakehouse(), reporter or Reporter()
    if job in SYNCS:
        return sync_dimensions(lake, reporter, jobs=[job])[0]
    if job in FACTS:
        return run_fact_build(job, target_date or yesterday(), force, lake=lake, reporter=reporter)
    raise JobError(f"expected a job of the warehouse, found {job!r}: one of {', '.join(JOBS)}")


def backfill(
    start: date,
    end: date,
    force: bool = False,  # noqa: FBT001, FBT002 - as the others have it
    *,
    lake: Lakehouse | None = None,
    reporter: Reporter | None = None,
) -> list[BuiltDay]:
    """Build a range of days of all fact tables from what was landed; goes on after a failed day."""
    lake, reporter = lake or _lakehouse(), reporter or Reporter()
    days = list(date_range(start, end))
    results = []
    for job, fact in FACTS.items():
        _check_bronze(lake, job)
        results += build_days(lake, fact, days, reporter, force=force)
    return results


def stale(*, lake: Lakehouse | None = None) -> dict[str, list[StaleDay]]:
    """The built days of each fact table that are not right any more, and why."""
    lake = lake or _lakehouse()
    found = {job: stale_days(lake, fact) for job, fact in FACTS.items()}
    return {job: days for job, days in found.items() if days}


def repair(*, lake: Lakehouse | None = None, reporter: Reporter | None = None) -> list[BuiltDay]:
    """Build again the days that are not right any more."""
    lake, reporter = lake or _lakehouse(), reporter or Reporter()
    return [
        built
        for job, days in stale(lake=lake).items()
        for built in build_days(lake, FACTS[job], [d.day for d in days], reporter, force=True)
    ]


def _check_bronze(lake: Lakehouse, job: str) -> None:
    missing = [BRONZE[s].name for s in FACTS[job].sources if not lake.exists(BRONZE[s])]
    if missing:
        message = f"expected {', '.join(missing)} to build from, found nothing landed"
        raise JobError(f"{message}: run `lyceum etl dimensions` first")


def _lakehouse() -> Lakehouse:
    from lyceum.session import new_session
    from lyceum.settings import Settings

    config = Settings.load()
    return Lakehouse(new_session(config), config)

"""How each system computes its later tables again after one of them was restored."""

from collections.abc import Callable, Mapping

from lyceum.care.restore import Dependents
from lyceum.lakehouse import Lakehouse
from lyceum.runs.reporter import Reporter

Recompute = Callable[[Lakehouse, Reporter, Dependents], None]


def _events(lake: Lakehouse, reporter: Reporter, found: Dependents) -> None:
    from lyceum.systems.events.job import EventsJob, run

    job = EventsJob(lake, lake.config.landing, reporter)
    run(job, refresh=[table.name for table in found.tables])


def _sales(lake: Lakehouse, reporter: Reporter, found: Dependents) -> None:
    from lyceum.systems.sales.job_monthly import monthly
    from lyceum.systems.sales.job_performance import performance
    from lyceum.systems.sales.months import Selection

    _ = found
    monthly(lake, Selection(), reporter, dry_run=False)
    performance(lake, reporter)


def _lms(lake: Lakehouse, reporter: Reporter, found: Dependents) -> None:
    from lyceum.systems.lms.replay import replay_lms

    _ = found
    replay_lms(lake, reporter)


_SYSTEMS: Mapping[str, Recompute] = {"events": _events, "sales": _sales, "lms": _lms}


def recompute(lake: Lakehouse, reporter: Reporter, found: Dependents) -> None:
    """Compute the later tables again; where only a job of the bundle can, that is said."""
    if not found.tables:
        return
    if found.system not in _SYSTEMS or lake.kind == "workspace":
        reporter.say(f"Run the jobs of {found.system} again: they compute these tables")
        return
    _SYSTEMS[found.system](lake, reporter, found)

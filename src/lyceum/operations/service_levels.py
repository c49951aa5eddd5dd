"""Service levels: what may be expected of a job, and which jobs are not as expected."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.operations.health import named_query

ALERTS = {
    "late_jobs": "did not succeed in time",
    "failed_jobs": "failed",
    "row_drops": "processed far fewer rows than usual",
}
"""The SQL files of the alerts, and what each says of a job."""
_VIEW = "service_levels"
_COLUMNS = "job_name STRING, late_after_minutes BIGINT, least_share_of_rows DOUBLE"


class ServiceLevelError(UsageError):
    """A file of service levels that is not as it should be."""


@dataclass(frozen=True)
class ServiceLevel:
    """What may be expected of a job."""

    job: str
    late_after_minutes: int
    """Minutes after its last success."""
    least_share_of_rows: float | None = None
    """Of what it processes usually."""


@dataclass(frozen=True)
class Breach:
    """A job that is not as expected."""

    alert: str
    job: str
    detail: str


def service_levels(file: Path) -> tuple[ServiceLevel, ...]:
    """The service levels of a bundle's file, the default of its variable `service_levels`.

    Raises:
        ServiceLevelError: The file has none, or one that cannot be.
    """
    import yaml  # type: ignore[import-untyped]

    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))["variables"][_VIEW]["default"]
        return tuple(ServiceLevel(**entry) for entry in entries)
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        names = ", ".join(field.name for field in fields(ServiceLevel))
        message = f"expected service levels with {names} in {file}, found: {error}"
        raise ServiceLevelError(message.splitlines()[0]) from None


def breaches(lake: Lakehouse, levels: Sequence[ServiceLevel], *, now: datetime) -> list[Breach]:
    """The jobs that are not as expected, alert by alert."""
    rows = [(one.job, one.late_after_minutes, one.least_share_of_rows) for one in levels]
    lake.spark.createDataFrame(rows, _COLUMNS).createOrReplaceTempView(_VIEW)
    found = []
    for alert in ALERTS:
        values = {"now": now} if alert == "late_jobs" else {}
        for row in named_query(lake, alert, **values).collect():
            job, *details = row
            names = row.__fields__[1:]
            told = ", ".join(f"{n} {v}" for n, v in zip(names, details, strict=True))
            found.append(Breach(alert, job, told))
    return found

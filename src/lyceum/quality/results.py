"""What the checks of a validation run found: a row each in `ops.quality_results`, and the gate."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from lyceum.errors import LyceumError
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table

Severity = Literal["critical", "warning"]

QUALITY_RESULTS = Table(
    name="ops.quality_results",
    grain="one row per validation run and check",
    keys=("run_id", "suite", "check_id"),
    columns="""
        run_id STRING NOT NULL COMMENT 'The run that was checked: a load id',
        suite STRING NOT NULL COMMENT 'Suite of the check, such as lms',
        check_id STRING NOT NULL COMMENT 'Identifier of the check within its suite',
        severity STRING NOT NULL COMMENT 'critical: fails the job; warning: is only reported',
        table_name STRING NOT NULL COMMENT 'The table that the check is about',
        description STRING NOT NULL COMMENT 'What should hold, for a person',
        passed BOOLEAN NOT NULL COMMENT 'True if the expectation was met',
        observed STRING NOT NULL COMMENT 'What was found, for a person',
        expected STRING NOT NULL COMMENT 'What was expected, for a person',
        unexpected_count BIGINT COMMENT 'Rows that break the check; NULL if it is about no rows',
        element_count BIGINT NOT NULL COMMENT 'Rows that the check applies to',
        unexpected_percent DOUBLE COMMENT 'Broken rows in percent of those; NULL if there are none',
        sample STRING COMMENT 'JSON list of the identifiers of a few rows that break the check',
        checked_at TIMESTAMP NOT NULL COMMENT 'When the run was checked, UTC'
    """,
    retention_days=730,
    retention_column="checked_at",
    personal=("observed", "sample"),
    person=("observed", "sample"),
)

_SHOWN_IN_ERRORS = 3


class QualityGateError(LyceumError):
    """A critical check failed; the data is in the tables all the same."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found, in the columns of `ops.quality_results`."""

    run_id: str
    suite: str
    check_id: str
    severity: Severity
    table_name: str
    description: str
    passed: bool
    observed: str
    expected: str
    unexpected_count: int | None
    element_count: int
    sample: tuple[Mapping[str, object], ...]
    """Identifiers of a few rows that break the check, if it failed."""
    checked_at: datetime
    remedy: str = ""
    """What a person can do about it; not stored."""

    @property
    def unexpected_percent(self) -> float | None:
        """Rows that break the check in percent of those that it applies to."""
        if self.unexpected_count is None or not self.element_count:
            return None
        return 100 * self.unexpected_count / self.element_count

    def row(self) -> dict[str, object]:
        """The result as a row of `ops.quality_results`."""
        values = asdict(self) | {"unexpected_percent": self.unexpected_percent}
        del values["remedy"]
        return values | {"sample": json.dumps(self.sample, default=str) if self.sample else None}


def write_results(lake: Lakehouse, results: Iterable[CheckResult]) -> None:
    """Append the results; those of a suite and run that are already there are not repeated."""
    by_run: dict[tuple[str, str], list[CheckResult]] = {}
    for result in results:
        by_run.setdefault((result.suite, result.run_id), []).append(result)
    for (suite, run_id), found in by_run.items():
        rows = lake.rows(QUALITY_RESULTS, [result.row() for result in found])
        lake.append(QUALITY_RESULTS, rows, once=(f"quality/{suite}/{run_id}", 1))


def gate(results: Iterable[CheckResult]) -> None:
    """Raise QualityGateError if a critical check failed."""
    results = list(results)
    critical = [r for r in results if r.severity == "critical"]
    failed = [r for r in critical if not r.passed]
    if failed:
        count = f"{len(failed)} of {len(critical)} critical checks"
        lines = [f"{count} of suite {failed[0].suite} failed on run {failed[0].run_id}:"]
        lines += [line for result in failed for line in _explanation(result)]
        lines.append(
            "The data is in the tables. All results are in "
            f"{QUALITY_RESULTS.name} where run_id = '{failed[0].run_id}'."
        )
        raise QualityGateError("\n".join(lines))


def percent_text(part: int, whole: int) -> str:
    """A share in percent, rounded away from 100 so that a near miss does not look like a hit.

    >>> percent_text(94_996, 100_000), percent_text(3, 3)
    ('94.99%', '100%')
    """
    return f"{math.floor(10_000 * part / whole) / 100:g}%"


def named_values(row: Mapping[str, object]) -> str:
    """The identifiers of a row for a person.

    >>> named_values({"session_id": "s1", "event_id": "e1"})
    'session_id s1, event_id e1'
    """
    return ", ".join(f"{name} {value}" for name, value in row.items())


def _explanation(result: CheckResult) -> list[str]:
    """A failed check in a few lines."""
    lines = [
        f"  {result.check_id}: {result.description}",
        f"    expected {result.expected}, found {result.observed}",
    ]
    if result.sample:
        shown = "; ".join(map(named_values, result.sample[:_SHOWN_IN_ERRORS]))
        lines.append(f"    {result.unexpected_count:,} break it, such as {shown}")
    if result.remedy:
        lines.append(f"    {result.remedy}")
    return lines

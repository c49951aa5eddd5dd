"""Suites of checks as data, and their validation by Great Expectations.

Great Expectations takes 5 to 7 seconds to import: it is imported where it is used, and `preload`
does so in the background.
"""

import importlib
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from lyceum.errors import LyceumError
from lyceum.quality.data_docs import build_data_docs
from lyceum.quality.results import CheckResult, Severity, percent_text

# True counts, but no sample: one aggregation for all the checks of a frame.
_COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}
_SAMPLE_SIZE = 10


class ValidationError(LyceumError):
    """A check could not be evaluated, so that nobody knows whether it holds."""


@dataclass(frozen=True)
class Check:
    """One thing that should hold for the rows of a frame."""

    id: str
    severity: Severity
    description: str
    """What should hold, for a person."""
    expectation: str
    """Class of Great Expectations, such as ExpectColumnValuesToNotBeNull."""
    kwargs: Mapping[str, object]
    mostly: float | None = None
    """Share of the rows for which it should hold, from 0 to 1; None for all."""
    remedy: str = ""
    """What a person can do when it fails."""


@dataclass(frozen=True)
class Subject:
    """A frame that is checked: a table, or a summary of some with a row a thing."""

    name: str
    """Key of the frame; letters, digits and underscores."""
    table: str
    """The table that it is about."""
    rows: str
    """What its rows are, plural, such as `listed events`."""
    identified_by: tuple[str, ...]
    """Columns that name a failing row; no personal data."""
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Suite:
    """The checks of a system."""

    name: str
    subjects: tuple[Subject, ...]


@dataclass(frozen=True)
class Run:
    """One validation of a suite."""

    suite: Suite
    run_id: str
    checked_at: datetime


@dataclass
class _Validation:
    """What Great Expectations found in one subject: `found` by check id, `report` for the docs."""

    subject: Subject
    report: Any
    found: dict[str, Any] = field(default_factory=dict)


def is_true(
    check_id: str,
    column: str,
    severity: Severity,
    description: str,
    *,
    mostly: float | None = None,
    remedy: str = "",
) -> Check:
    """A check that a BOOLEAN column is true; it does not apply to rows where it is NULL."""
    kwargs = {"column": column, "value_set": [True]}
    expectation = "ExpectColumnValuesToBeInSet"
    return Check(check_id, severity, description, expectation, kwargs, mostly, remedy)


def is_not_null(check_id: str, column: str, severity: Severity, description: str) -> Check:
    """A check that a column is never NULL."""
    kwargs = {"column": column}
    return Check(check_id, severity, description, "ExpectColumnValuesToNotBeNull", kwargs)


def has_rows(check_id: str, severity: Severity, description: str) -> Check:
    """A check that the frame has at least one row."""
    kwargs = {"min_value": 1}
    return Check(check_id, severity, description, "ExpectTableRowCountToBeBetween", kwargs)


def preload() -> threading.Thread:
    """Start to import Great Expectations while the caller waits for something else."""
    thread = threading.Thread(target=_import_great_expectations, name="great-expectations")
    thread.start()
    return thread


def validate(
    suite: Suite,
    frames: Mapping[str, DataFrame],
    *,
    run_id: str,
    checked_at: datetime,
    docs_folder: Path | None = None,
) -> list[CheckResult]:
    """Check the frames, one for each subject's name; with `docs_folder`, write Data Docs there.

    Every frame is aggregated once for the counts of all its checks; samples of broken rows are
    looked up only for checks that fail. Raises ValidationError where a check cannot be evaluated.
    """
    run = Run(suite, run_id, checked_at)
    with _quiet():
        context = _context()
        source = context.data_sources.add_spark(suite.name, persist=False)
        validations = [_validation(source, s, frames[s.name]) for s in suite.subjects]
        results = [
            _check_result(run, validation.subject, check, validation.found[check.id])
            for validation in validations
            for check in validation.subject.checks
        ]
        if docs_folder is not None:
            reports = {v.subject.name: v.report for v in validations}
            build_data_docs(context, docs_folder / suite.name, reports, results)
    return results


def _import_great_expectations() -> Any:
    with _quiet():
        return importlib.import_module("great_expectations")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep hints that are for developers of Great Expectations off the terminal."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _context() -> Any:
    gx = _import_great_expectations()
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return context


def _validation(source: Any, subject: Subject, frame: DataFrame) -> _Validation:
    """Counts for all checks of a subject, then samples for those that failed."""
    asset = source.add_dataframe_asset(subject.name)
    definition = asset.add_batch_definition_whole_dataframe("all")
    batch = definition.get_batch({"dataframe": frame})
    validation = _Validation(subject, _report(batch, subject, subject.checks, _COUNTS))
    validation.found = _by_check(validation.report)
    failed = [check for check in subject.checks if not validation.found[check.id].success]
    if failed:
        sampled = _by_check(_report(batch, subject, failed, _sample_format(subject)))
        for check_id, result in sampled.items():
            _add_sample(validation.found[check_id].result, result.result)
    return validation


def _sample_format(subject: Subject) -> dict[str, object]:
    """SUMMARY reads a few rows a check; COMPLETE would bring every failing row to the driver."""
    return {
        "result_format": "SUMMARY",
        "partial_unexpected_count": _SAMPLE_SIZE,
        "unexpected_index_column_names": list(subject.identified_by),
    }


def _add_sample(found: dict[str, Any], sampled: dict[str, Any]) -> None:
    names = ("partial_unexpected_list", "partial_unexpected_counts")
    found.update({name: sampled[name] for name in names if name in sampled})
    if sampled.get("partial_unexpected_index_list"):
        found["unexpected_index_column_names"] = sampled["unexpected_index_column_names"]
        # Data Docs show the rows that a COMPLETE result lists.
        found["unexpected_index_list"] = sampled["partial_unexpected_index_list"]


def _report(batch: Any, subject: Subject, checks: Any, result_format: Mapping[str, object]) -> Any:
    from great_expectations import ExpectationSuite

    expectations = [_expectation(check) for check in checks]
    suite = ExpectationSuite(name=subject.name, expectations=expectations)
    return batch.validate(suite, result_format=dict(result_format))


def _expectation(check: Check) -> Any:
    import great_expectations.expectations as gxe

    options = dict(check.kwargs) | ({} if check.mostly is None else {"mostly": check.mostly})
    shown = {"id": check.id, "severity": check.severity, "description": check.description}
    meta = {"attributes": {"check": shown}}
    return getattr(gxe, check.expectation)(**options, severity=check.severity, meta=meta)


def _by_check(report: Any) -> dict[str, Any]:
    """The results of a report by check id."""
    found = {}
    for result in report.results:
        check_id = result.expectation_config.meta["attributes"]["check"]["id"]
        _require_evaluated(check_id, result)
        found[check_id] = result
    return found


def _require_evaluated(check_id: str, result: Any) -> None:
    info = result.exception_info or {}
    failures = [info] if "raised_exception" in info else list(info.values())
    for failure in failures:
        if failure.get("raised_exception"):
            message = (
                f"expected check {check_id} to be evaluated, found "
                f"{failure.get('exception_message')}: correct the check or its frame"
            )
            raise ValidationError(message)


def _check_result(run: Run, subject: Subject, check: Check, found: Any) -> CheckResult:
    result = found.result
    counted = "element_count" in result
    applicable = _applicable(result)
    unexpected = int(result["unexpected_count"]) if counted else None
    sample = result.get("unexpected_index_list") or ()
    return CheckResult(
        run_id=run.run_id,
        suite=run.suite.name,
        check_id=check.id,
        severity=check.severity,
        table_name=subject.table,
        description=check.description,
        passed=bool(found.success),
        observed=_observed(subject, applicable, unexpected),
        expected=_expected(subject, check),
        unexpected_count=unexpected,
        element_count=applicable,
        sample=tuple({name: row[name] for name in subject.identified_by} for row in sample),
        checked_at=run.checked_at,
        remedy=check.remedy,
    )


def _applicable(result: Mapping[str, Any]) -> int:
    """Rows that a check applies to: those whose checked column is not NULL, where it is a check
    of values.
    """
    if "element_count" not in result:
        return int(result["observed_value"])
    return int(result["element_count"]) - int(result.get("missing_count") or 0)


def _observed(subject: Subject, applicable: int, unexpected: int | None) -> str:
    if unexpected is None or not applicable:
        return f"{applicable:,} {subject.rows}"
    good = applicable - unexpected
    return f"{good:,} of {applicable:,} {subject.rows} ({percent_text(good, applicable)})"


def _expected(subject: Subject, check: Check) -> str:
    if "min_value" in check.kwargs:
        return f"at least {check.kwargs['min_value']} of {subject.rows}"
    share = "all" if check.mostly is None else f"at least {100 * check.mostly:g}% of"
    return f"{share} {subject.rows}"

"""Validation of suites by Great Expectations.

Great Expectations takes seconds to import: it is imported where it is used.
"""

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from lyceum.errors import LyceumError, UsageError
from lyceum.quality.data_docs import build_data_docs
from lyceum.quality.results import CheckResult, percent_text
from lyceum.quality.suites import Check, Subject, Suite

if TYPE_CHECKING:
    from great_expectations.core import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.data_context.data_context.ephemeral_data_context import (
        EphemeralDataContext,
    )
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.datasource.fluent.spark_datasource import SparkDatasource

# True counts, but no samples: those are looked up for checks that fail.
_COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}
_SAMPLE_SIZE = 10
_log = logging.getLogger(__name__)


class ValidationError(LyceumError):
    """A check could not be evaluated, so that nobody knows whether it holds."""


class MissingExtraError(UsageError):
    """What checks tables is not installed."""


@dataclass(frozen=True)
class Run:
    """One validation of a suite."""

    suite: Suite
    run_id: str
    checked_at: datetime


def validate(
    suite: Suite,
    frames: Mapping[str, DataFrame],
    *,
    run_id: str,
    checked_at: datetime,
    docs_folder: Path | None = None,
) -> list[CheckResult]:
    """Check the frames, one for each subject's name; with `docs_folder`, write Data Docs there.

    Samples of broken rows are looked up only for failed checks. Pages that cannot be drawn or
    written are missed in the log, no more.

    Raises:
        ValidationError: A check cannot be evaluated.
        MissingExtraError: Great Expectations is not installed.
    """
    run = Run(suite, run_id, checked_at)
    with _quiet():
        context = _context()
        source = context.data_sources.add_spark(suite.name, persist=False)
        reports = {s.name: _checked(source, s, frames[s.name]) for s in suite.subjects}
        results = [
            _check_result(run, subject, check, found[check.id])
            for subject in suite.subjects
            for found in [_by_check(reports[subject.name])]
            for check in subject.checks
        ]
        if docs_folder is not None:
            _draw(context, docs_folder / suite.name, reports, results)
    return results


def _draw(
    context: "EphemeralDataContext",
    folder: Path,
    reports: Mapping[str, "ExpectationSuiteValidationResult"],
    results: list[CheckResult],
) -> None:
    """Write the Data Docs; without them the results stand in the table all the same."""
    try:
        build_data_docs(context, folder, reports, results)
    except Exception as error:  # noqa: BLE001 - pages for people never fail a load
        _log.warning("there are no new Data Docs", extra={"reason": str(error)})


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep hints that are for developers of Great Expectations off the terminal."""
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _context() -> "EphemeralDataContext":
    try:
        import great_expectations as gx
    except ImportError:
        message = "expected Great Expectations, found none: install lyceum[quality]"
        raise MissingExtraError(message) from None
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    settings = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=settings)


def _checked(
    source: "SparkDatasource", subject: Subject, frame: DataFrame
) -> "ExpectationSuiteValidationResult":
    """Counts for all checks of a subject, and samples for those that failed."""
    asset = source.add_dataframe_asset(subject.name)
    definition = asset.add_batch_definition_whole_dataframe("all")
    batch = definition.get_batch({"dataframe": frame})
    report = _report(batch, subject, subject.checks, _COUNTS)
    found = _by_check(report)
    failed = [check for check in subject.checks if not found[check.id].success]
    if failed:
        sampled = _report(batch, subject, failed, _sample_format(subject))
        for check_id, result in _by_check(sampled).items():
            _add_sample(found[check_id].result, result.result)
    return report


def _sample_format(subject: Subject) -> dict[str, object]:
    """SUMMARY reads a few rows a check; COMPLETE would bring every failing row to the driver."""
    return {
        "result_format": "SUMMARY",
        "partial_unexpected_count": _SAMPLE_SIZE,
        "unexpected_index_column_names": list(subject.identified_by),
    }


def _add_sample(found: dict[str, Any], sampled: Mapping[str, Any]) -> None:
    names = ("partial_unexpected_list", "partial_unexpected_counts")
    found.update({name: sampled[name] for name in names if name in sampled})
    if sampled.get("partial_unexpected_index_list"):
        found["unexpected_index_column_names"] = sampled["unexpected_index_column_names"]
        # Data Docs show the rows that a COMPLETE result lists.
        found["unexpected_index_list"] = sampled["partial_unexpected_index_list"]


def _report(
    batch: "Batch",
    subject: Subject,
    checks: Iterable[Check],
    result_format: Mapping[str, object],
) -> "ExpectationSuiteValidationResult":
    from great_expectations import ExpectationSuite

    configurations = [_configuration(check) for check in checks]
    suite = ExpectationSuite(name=subject.name, expectations=configurations)
    return batch.validate(suite, result_format=dict(result_format))


def _configuration(check: Check) -> dict[str, object]:
    """The check as Great Expectations writes it in JSON."""
    return {
        "type": check.expectation,
        "kwargs": dict(check.kwargs) | ({} if check.mostly is None else {"mostly": check.mostly}),
        "meta": {"check": check.id},
        "severity": check.severity,
        "description": f"{check.id} ({check.severity}): {check.description}",
    }


def _by_check(
    report: "ExpectationSuiteValidationResult",
) -> "dict[str, ExpectationValidationResult]":
    """The results of a report by check id."""
    configured = ((r.expectation_config, r) for r in report.results)
    found = {c.meta["check"]: result for c, result in configured if c}
    for check_id, result in found.items():
        _require_evaluated(check_id, result)
    return found


def _require_evaluated(check_id: str, result: "ExpectationValidationResult") -> None:
    info = result.exception_info or {}
    failures = [info] if "raised_exception" in info else list(info.values())
    for failure in failures:
        if failure["raised_exception"]:
            message = (
                f"expected check {check_id} to be evaluated, found "
                f"{failure['exception_message']}: correct the check or its frame"
            )
            raise ValidationError(message)


def _check_result(
    run: Run, subject: Subject, check: Check, found: "ExpectationValidationResult"
) -> CheckResult:
    result = found.result
    applicable = _applicable(result)
    unexpected = int(result["unexpected_count"] or 0) if "element_count" in result else None
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
    """The rows of a check of the whole frame, or those where the checked value is not NULL."""
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

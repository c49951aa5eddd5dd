"""Suites of checks as data: what should hold for which rows, and how bad it is if it does not."""

from collections.abc import Mapping
from dataclasses import dataclass

from lyceum.quality.results import Severity


@dataclass(frozen=True)
class Check:
    """One thing that should hold for the rows of a frame."""

    id: str
    severity: Severity
    description: str
    """What should hold, for a person."""
    expectation: str
    """Name in Great Expectations, such as expect_table_row_count_to_be_between."""
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
    expectation = "expect_column_values_to_be_in_set"
    return Check(check_id, severity, description, expectation, kwargs, mostly, remedy)


def is_not_null(check_id: str, column: str, severity: Severity, description: str) -> Check:
    """A check that a column is never NULL."""
    expectation = "expect_column_values_to_not_be_null"
    return Check(check_id, severity, description, expectation, {"column": column})


def has_rows(check_id: str, severity: Severity, description: str) -> Check:
    """A check that the frame has at least one row."""
    kwargs = {"min_value": 1}
    return Check(check_id, severity, description, "expect_table_row_count_to_be_between", kwargs)

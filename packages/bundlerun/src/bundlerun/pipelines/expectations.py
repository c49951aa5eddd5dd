"""Expectations: the rules that a dataset's rows are counted by, dropped by, or refused by."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from bundlerun.pipelines.errors import DefinitionError, ExpectationError

Action = Literal["warn", "drop", "fail"]
Query = TypeVar("Query", bound=Callable[[], Any])

_NOTED = "__expectations__"


@dataclass(frozen=True)
class Expectation:
    """A condition that every row should meet, and what becomes of a row that does not."""

    name: str
    condition: str
    action: Action

    @property
    def is_met(self) -> Column:
        """True or false, never NULL: a row of which the condition is not known fails it."""
        return F.coalesce(F.expr(self.condition), F.lit(False))


@dataclass(frozen=True)
class Count:
    """How many rows met an expectation; dropped ones are among those that failed."""

    name: str
    passed: int
    failed: int
    dropped: int


@dataclass(frozen=True)
class Counted:
    """What one pass over a dataset's rows found."""

    rows: int
    dropped: int
    expectations: tuple[Count, ...]


def expectations_of(query: Callable[[], Any]) -> tuple[Expectation, ...]:
    """What the decorators noted on a query, in the order of the file."""
    return tuple(getattr(query, _NOTED, ()))


def with_expectations(query: Query, rules: Iterable[Expectation]) -> Query:
    """The query with more rules, before its own; another query of that function has them not."""

    def same() -> object:
        return query()

    setattr(same, _NOTED, (*rules, *expectations_of(query)))
    return same  # type: ignore[return-value]


def all_of(action: Action, conditions: Mapping[str, str] | None) -> list[Expectation]:
    """The rules of a mapping of names to conditions."""
    return [Expectation(name, text, action) for name, text in (conditions or {}).items()]


def counted(rows: DataFrame, expectations: Iterable[Expectation], *, name: str) -> Counted:
    """Count in one pass; raise ExpectationError if a row must not be there."""
    rules = list(expectations)
    failed = [F.count_if(~rule.is_met).alias(f"failed_{i}") for i, rule in enumerate(rules)]
    dropped = F.count_if(_is_dropped(rules)).alias("dropped")
    row = rows.agg(F.count(F.lit(1)).alias("rows"), dropped, *failed).collect()[0]
    total = int(row["rows"])
    counts = []
    for i, rule in enumerate(rules):
        broken = int(row[f"failed_{i}"])
        if broken and rule.action == "fail":
            message = f"expected every row of {name} to meet {rule.name} ({rule.condition})"
            raise ExpectationError(f"{message}, found {broken:,} of {total:,} that do not")
        counts.append(
            Count(rule.name, total - broken, broken, broken if rule.action == "drop" else 0)
        )
    return Counted(total, int(row["dropped"]), tuple(counts))


def without_dropped(rows: DataFrame, expectations: Iterable[Expectation]) -> DataFrame:
    """The rows that break no expectation that says `or_drop`."""
    rules = [rule for rule in expectations if rule.action == "drop"]
    return rows.where(~_is_dropped(rules)) if rules else rows


def decorators() -> dict[str, Callable[..., Callable[[Query], Query]]]:
    """The decorators by the names that pipeline code calls them by."""
    return {
        "expect": _one("warn"),
        "expect_or_drop": _one("drop"),
        "expect_or_fail": _one("fail"),
        "expect_all": _all("warn"),
        "expect_all_or_drop": _all("drop"),
        "expect_all_or_fail": _all("fail"),
    }


def _is_dropped(rules: list[Expectation]) -> Column:
    is_dropped = F.lit(False)
    for rule in rules:
        if rule.action == "drop":
            is_dropped = is_dropped | ~rule.is_met
    return is_dropped


def _one(action: Action) -> Callable[..., Callable[[Query], Query]]:
    def expect(name: str, inv: str) -> Callable[[Query], Query]:
        return lambda query: _noted(query, {name: inv}, action)

    return expect


def _all(action: Action) -> Callable[..., Callable[[Query], Query]]:
    def expect_all(expectations: Mapping[str, str]) -> Callable[[Query], Query]:
        return lambda query: _noted(query, expectations, action)

    return expect_all


def _noted(query: Query, conditions: Mapping[str, str], action: Action) -> Query:
    if not callable(query):
        message = "expected an expectation below the decorator of its table, found it above"
        raise DefinitionError(message)
    # Decorators are applied from below.
    setattr(query, _NOTED, (*all_of(action, conditions), *expectations_of(query)))
    return query

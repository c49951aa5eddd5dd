"""How tasks and runs end, and what that means for the tasks that depend on them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from bundlerun.runner.model import Task


class Result(StrEnum):
    """The result states of the Jobs API, by its names."""

    SUCCESS = "SUCCESS"
    SUCCESS_WITH_FAILURES = "SUCCESS_WITH_FAILURES"
    FAILED = "FAILED"
    TIMEDOUT = "TIMEDOUT"
    CANCELED = "CANCELED"
    EXCLUDED = "EXCLUDED"
    DISABLED = "DISABLED"
    UPSTREAM_FAILED = "UPSTREAM_FAILED"
    UPSTREAM_CANCELED = "UPSTREAM_CANCELED"
    MAXIMUM_CONCURRENT_RUNS_REACHED = "MAXIMUM_CONCURRENT_RUNS_REACHED"


SUCCEEDED = frozenset({Result.SUCCESS, Result.SUCCESS_WITH_FAILURES})
CANCELED = frozenset({Result.CANCELED, Result.UPSTREAM_CANCELED})
NOT_NEEDED = frozenset({Result.EXCLUDED, Result.DISABLED})
UNSUCCESSFUL = frozenset(Result) - SUCCEEDED - NOT_NEEDED
"""What counts as failed to the tasks that handle failure, and what a repair runs again."""


def _all_done(_: Sequence[Result]) -> bool:
    return True


RUN_IF: Mapping[str, Callable[[Sequence[Result]], bool]] = {
    "ALL_SUCCESS": lambda ended: all(r in SUCCEEDED for r in ended),
    "AT_LEAST_ONE_SUCCESS": lambda ended: any(r in SUCCEEDED for r in ended),
    "NONE_FAILED": lambda ended: (
        not any(r in UNSUCCESSFUL for r in ended) and any(r in SUCCEEDED for r in ended)
    ),
    "ALL_DONE": _all_done,
    "AT_LEAST_ONE_FAILED": lambda ended: any(r in UNSUCCESSFUL for r in ended),
    "ALL_FAILED": lambda ended: all(r in UNSUCCESSFUL for r in ended),
}
_HANDLES_FAILURE = ("AT_LEAST_ONE_FAILED", "ALL_FAILED")


def skipped(run_if: str, upstream: Sequence[Result]) -> Result | None:
    """What a task ends as without being run; None if it is to run."""
    if not upstream:
        return None
    if all(result is Result.EXCLUDED for result in upstream):
        return Result.EXCLUDED
    return None if RUN_IF[run_if](upstream) else _unmet(run_if, upstream)


def _unmet(run_if: str, upstream: Sequence[Result]) -> Result:
    """What a task is whose condition is not met: the worst of what its dependencies are."""
    if run_if not in _HANDLES_FAILURE:
        failed = {result for result in upstream if result in UNSUCCESSFUL}
        if failed:
            return Result.UPSTREAM_CANCELED if failed <= CANCELED else Result.UPSTREAM_FAILED
    return Result.DISABLED if Result.DISABLED in upstream else Result.EXCLUDED


def edge(outcome: str | None, wanted: str | None, result: Result) -> Result:
    """A dependency's result as the dependent task sees it: the branch not taken is excluded."""
    if wanted is not None and result in SUCCEEDED and outcome != wanted:
        return Result.EXCLUDED
    return result


def run_result(tasks: Iterable[Task], results: Mapping[str, Result]) -> Result:
    """The result of a run: its leaf tasks decide, the others can only dim a success."""
    tasks = tuple(tasks)
    inner = {key for task in tasks for key in task.upstream}
    ended = {task.key: results[task.key] for task in tasks}
    leaves = {result for key, result in ended.items() if key not in inner}
    failed = {result for result in leaves if result in UNSUCCESSFUL}
    if failed:
        return Result.CANCELED if failed <= CANCELED else Result.FAILED
    is_dimmed = any(result in UNSUCCESSFUL for result in ended.values())
    return Result.SUCCESS_WITH_FAILURES if is_dimmed else Result.SUCCESS

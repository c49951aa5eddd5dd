"""How an attempt of a task ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bundlerun.runner.errors import TaskError
from bundlerun.runner.states import Result

_ERROR_LENGTH = 2_000


@dataclass(frozen=True)
class Output:
    """How an attempt of a task ended, and what it leaves to later tasks."""

    result: Result = Result.SUCCESS
    outcome: str | None = None
    """What a condition came out as."""
    error: str | None = None
    error_code: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the journal should keep."""


def first_line(error: BaseException | str) -> str:
    """What went wrong, in one line."""
    lines = str(error).strip().splitlines()
    name = type(error).__name__ if isinstance(error, BaseException) else ""
    is_ours = isinstance(error, str | TaskError) or not name
    line = lines[0] if lines else name
    return (line if is_ours or not lines else f"{name}: {line}")[:_ERROR_LENGTH]

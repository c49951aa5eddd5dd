"""What can be wrong with a bundle, and where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from bundlerun.errors import UsageError

Severity = Literal["error", "warning", "policy"]


@dataclass(frozen=True, order=True)
class Position:
    """A line of a file; the file is relative to the bundle's folder."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong with a bundle, at a line of a file."""

    file: Path
    line: int
    message: str
    severity: Severity = "error"
    """A warning stops nobody; a policy is one of the house, which a bundle asks for."""

    @classmethod
    def at(cls, position: Position, message: str, severity: Severity = "error") -> "Problem":
        """The problem at a position."""
        return cls(position.file, position.line, message, severity)

    def __str__(self) -> str:
        kind = "" if self.severity == "error" else f"{self.severity}: "
        return f"{self.file}:{self.line}: {kind}{self.message}"


class BundleError(UsageError):
    """A bundle that cannot be resolved; `problems` are all that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        further = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{further}")

    @classmethod
    def at(cls, position: Position, message: str) -> Self:
        """The error of a single problem."""
        return cls([Problem.at(position, message)])


class UnknownTargetError(BundleError):
    """What was asked for is wrong, not the bundle: it has no such target."""


class NoBundleError(UsageError):
    """There is no bundle where one was expected."""


def listed(names: Iterable[object]) -> str:
    """Names as a person reads them.

    >>> listed(["b", "a"]), listed([])
    ('a, b', 'none')
    """
    return ", ".join(sorted(map(str, names))) or "none"

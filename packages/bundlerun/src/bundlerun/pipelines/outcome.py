"""What an update made of a dataset."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self

from bundlerun.pipelines.expectations import Count

Status = Literal["COMPLETED", "SKIPPED", "FAILED"]
State = Literal["COMPLETED", "FAILED", "CANCELED"]


@dataclass(frozen=True)
class Outcome:
    """Rows that were written, and what the expectations counted."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    dropped: int = 0
    expectations: tuple[Count, ...] = ()

    def after(self, earlier: Self | None) -> "Outcome":
        """Both together: a batch that an update left behind, and its own."""
        if earlier is None:
            return self
        return Outcome(
            self.inserted + earlier.inserted,
            self.updated + earlier.updated,
            self.deleted + earlier.deleted,
            self.dropped + earlier.dropped,
            summed((*earlier.expectations, *self.expectations)),
        )


def summed(counts: Iterable[Count]) -> tuple[Count, ...]:
    """One count of each expectation, in the order of the first."""
    found: dict[str, Count] = {}
    for count in counts:
        before = found.get(count.name, Count(count.name, 0, 0, 0))
        found[count.name] = Count(
            count.name,
            before.passed + count.passed,
            before.failed + count.failed,
            before.dropped + count.dropped,
        )
    return tuple(found.values())


@dataclass(frozen=True)
class FlowResult:
    """How a dataset fared in an update."""

    dataset: str
    flow: str
    status: Status
    started_at: datetime
    ended_at: datetime
    outcome: Outcome = field(default_factory=Outcome)
    error: str | None = None


@dataclass
class Update:
    """An update of a pipeline."""

    id: str
    name: str
    started_at: datetime
    flows: list[FlowResult] = field(default_factory=list)
    state: State = "COMPLETED"
    failure: Exception | None = None
    """What ended the first flow that failed."""
    order: list[str] = field(default_factory=list)
    """The datasets of the pipeline, each after those that it reads."""

    @property
    def error(self) -> str | None:
        """Why it failed, in one line."""
        found = (f"{f.dataset}: {f.error}" for f in self.flows if f.status == "FAILED")
        return next(found, "cancelled" if self.state == "CANCELED" else None)

    @property
    def is_news(self) -> bool:
        """True if something was written, or went wrong."""
        return any(flow.status != "SKIPPED" for flow in self.flows)

    def flow(self, dataset: str) -> FlowResult | None:
        """How a dataset fared; None if it was left out."""
        return next((flow for flow in self.flows if flow.dataset == dataset), None)

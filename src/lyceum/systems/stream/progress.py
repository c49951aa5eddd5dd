"""How far a job of the stream has got: watermarks that outlive it, a position a partition."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from lyceum.model.table import Table
from lyceum.runs.run import Run
from lyceum.runs.watermarks import Watermark
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum.systems.stream.source.messages import Positions, Slice

_MARGIN = timedelta(hours=1)
"""How far the clock of one writer may be behind that of the one before."""


@dataclass
class Progress:
    """The watermarks of a job in a table of messages."""

    run: Run
    table: Table
    positions: dict[Slice, int] = field(default_factory=dict)
    """The next offset of each partition."""
    received: datetime | None = None
    """When the latest message behind them was received, UTC."""

    @classmethod
    def of(cls, run: Run, table: Table = LEARNER_EVENTS_RAW) -> Self:
        """How far the job has got in a table."""
        marks = run.watermarks(table)
        progress = cls(run, table)
        for name, mark in marks.items():
            topic, _, partition = name.rpartition("/")
            progress.positions[topic, int(partition)] = int(str(mark.state["next_offset"]))
            received = datetime.fromisoformat(str(mark.state["received"]))
            progress.received = max(received, progress.received or received)
        return progress

    @property
    def since(self) -> datetime | None:
        """Nothing that is new was received before."""
        return self.received and self.received - _MARGIN

    def advance(self, positions: Positions, received: datetime) -> None:
        """Move on to these positions, and keep them: the last write of a batch."""
        version = self.run.lake.version(self.table)
        assert version is not None  # noqa: S101 - it was made before
        self.run.advance(
            self.table,
            *(
                Watermark(
                    version,
                    f"{topic}/{partition}",
                    {"next_offset": stop, "received": received.isoformat()},
                )
                for (topic, partition), stop in positions.items()
            ),
        )
        self.positions.update(positions)
        self.received = received

"""The job `learner_stream`: what is new on the broker, or in files, to bronze, silver and gold.

A batch is done when its watermark is written, last: the next offset of each partition. What a batch
that was killed has left in bronze is worked off before anything new is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lyceum.quality.quarantine import keep
from lyceum.quality.rules import quarantine_rows
from lyceum.runs.logs import get_logger
from lyceum.runs.run import Run
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum.systems.stream.job_events import (
    add_events,
    append_messages,
    quarantine_messages,
    records_of,
)
from lyceum.systems.stream.job_gold import update_gold
from lyceum.systems.stream.progress import Progress
from lyceum.systems.stream.silver import SYSTEM
from lyceum.systems.stream.source.messages import Batch, Lost, Positions
from lyceum.systems.stream.span import Span, new_messages

JOB = "learner_stream"
_BROKEN = """rule STRING, severity STRING, detail STRING, source_key STRING, record_key STRING,
    position BIGINT, raw STRING, load_id STRING, seen_at TIMESTAMP"""
_log = get_logger(__name__)


@dataclass(frozen=True)
class Done:
    """What a batch was, in messages and events."""

    messages: int = 0
    events: int = 0
    """Added to silver."""
    rejected: int = 0
    duplicates: int = 0
    """Events that were there."""

    def __add__(self, other: "Done") -> "Done":
        """Both together."""
        return Done(
            self.messages + other.messages,
            self.events + other.events,
            self.rejected + other.rejected,
            self.duplicates + other.duplicates,
        )


def take_up(run: Run, progress: Progress) -> Done:
    """Work off what stands in bronze beyond the watermarks: a batch that was killed has left it."""
    lake = run.lake
    span = new_messages(lake.read(LEARNER_EVENTS_RAW), progress.positions, since=progress.since)
    return Done() if span is None else _work_off(run, progress, span)


def begin_at(run: Run, progress: Progress, begins: Positions) -> None:
    """Keep where partitions that are read for the first time begin, unless that is their begin."""
    new = {p: offset for p, offset in begins.items() if offset and p not in progress.positions}
    if new:
        run.lake.ensure(LEARNER_EVENTS_RAW)
        progress.advance(new, progress.received or datetime.now(UTC))


def process(run: Run, progress: Progress, batch: Batch, *, codec: str = "snappy") -> Done:
    """Bring a batch to bronze, silver and gold."""
    now = datetime.now(UTC)
    received = max(now, progress.received or now)
    starts = {place: progress.positions.get(place, 0) for place in batch.until}
    ranges = {place: (starts[place], stop) for place, stop in batch.until.items()}
    span = Span(ranges, received)
    append_messages(run.lake, batch.messages, _whole(progress, span), codec=codec)
    return _work_off(run, progress, span)


def _whole(progress: Progress, span: Span) -> Span:
    """The span with the partitions of which it has nothing new, so that batches can be numbered."""
    others = {place: (stop, stop) for place, stop in progress.positions.items()}
    return Span({**others, **span.ranges}, span.received)


def _work_off(run: Run, progress: Progress, span: Span) -> Done:
    """Silver, quarantine, gold, and the watermark last."""
    run.begin()
    lake = run.lake
    with records_of(lake, span) as records:
        added = add_events(lake, records)
        messages, rejected = quarantine_messages(lake, records, _whole(progress, span))
    run.count(*update_gold(lake, span))
    run.rows_processed += messages
    progress.advance(span.until, span.received)
    done = Done(messages, added, rejected, duplicates=messages - rejected - added)
    _log.info("batch done", messages=messages, added=added, rejected=rejected)
    return done


def keep_lost(run: Run, lost: Sequence[Lost]) -> None:
    """Keep in the quarantine which offsets were deleted before they were read."""
    rows = [
        (
            "lost_offsets",
            "rejected",
            "the broker deleted these messages before they were read: its retention is too short",
            "/".join(map(str, one.place)),
            f"{one.first} to {one.until - 1}",
            one.first,
            None,
            None,
            run.started_at,
        )
        for one in lost
    ]
    _log.error("messages were deleted before they were read", ranges=[row[3:5] for row in rows])
    broken = run.lake.spark.createDataFrame(rows, _BROKEN)
    keep(run.lake, quarantine_rows(broken, system=SYSTEM))

"""The job `stream_gold`: gold and quarantine of what a pipeline keeps in bronze and silver."""

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import keep
from lyceum.quality.rules import broken_rules, quarantine_rows
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum.systems.stream.job import JOB
from lyceum.systems.stream.job_gold import update_gold
from lyceum.systems.stream.progress import Progress
from lyceum.systems.stream.silver import EVENT_RULES, LEARNER_EVENTS, SYSTEM, event_records
from lyceum.systems.stream.span import new_messages


def gold(lake: Lakehouse, reporter: Reporter) -> None:
    """Bring the quarantine up to bronze and gold up to silver, which a pipeline keeps.

    Silver may be behind bronze, and has no message that breaks a rule: each has a watermark.
    """
    with Run.of(lake, JOB, reporter=reporter) as run:
        _quarantine_new(run)
        progress, events = Progress.of(run, LEARNER_EVENTS), lake.read(LEARNER_EVENTS)
        names = ("topic", "partition", "offset", "ingested_at")
        messages = events.select(*(F.col(f"_{name}").alias(name) for name in names))
        span = new_messages(messages, progress.positions, since=progress.since)
        if span is None:
            reporter.say("Silver has no new events: there is nothing to do")
            return
        run.begin()
        run.count(*update_gold(lake, span))
        run.rows_processed = span.of(events, prefix="_").count()
        progress.advance(span.until, span.received)


def _quarantine_new(run: Run) -> None:
    """Keep the messages of bronze that break a rule; those that are kept stay as they are."""
    lake, progress = run.lake, Progress.of(run)
    messages = lake.read(LEARNER_EVENTS_RAW)
    span = new_messages(messages, progress.positions, since=progress.since)
    if span is not None:
        run.begin()
        broken = broken_rules(event_records(span.of(messages)), rules=EVENT_RULES)
        run.count(keep(lake, quarantine_rows(broken, system=SYSTEM)))
        progress.advance(span.until, span.received)

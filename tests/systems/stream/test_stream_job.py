"""However events come, gold is what the same events in order and once would give."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from stream_world import NOON, batches, event, expected_gold, feed, gold

from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.reporter import Reporter
from lyceum.systems.stream import job_stream_gold as job
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum.systems.stream.gold.mastery_deltas import CONTENT_MASTERY_TRENDS
from lyceum.systems.stream.gold.minute_metrics import LEARNER_ACTIVITY_SUMMARY, MINUTE_METRICS
from lyceum.systems.stream.job_events import add_events, append_messages, records_of
from lyceum.systems.stream.silver import LEARNER_EVENTS
from lyceum.systems.stream.span import Span
from pocketlake.observe import followed

DAY = timedelta(days=1)
EARLY = [
    event(1, "session_started", NOON),
    event(2, "question_answered", NOON + timedelta(minutes=1), correct=True, duration_ms=900),
    event(3, "mastery_updated", NOON + timedelta(minutes=2), mastery=0.4),
    event(4, "mastery_updated", NOON + 3 * DAY, mastery=0.7, session="s2"),
    event(5, "heartbeat", NOON + 2 * DAY),
]
LATE = [
    event(2, "question_answered", NOON + timedelta(minutes=1), correct=True, duration_ms=900),
    event(6, "mastery_updated", NOON + DAY, mastery=0.5, session="s2"),
    event(7, "heartbeat", NOON + DAY),
    event(8, "mastery_updated", NOON - DAY, mastery=0.1, session=None),
    event(9, "session_ended", NOON - timedelta(hours=13)),
]


def test_late_events_correct_what_stands_in_gold(lake):
    """One fills the day between two visits of a session; one begins it a day earlier."""
    feed(lake, batches(EARLY))
    assert gold(lake) == expected_gold(EARLY)
    done = feed(lake, list(batches(EARLY, LATE))[1:])
    assert (done[1].events, done[1].duplicates) == (4, 1)
    assert gold(lake) == expected_gold(EARLY + LATE)


def test_what_is_no_event_is_in_quarantine_with_its_offset(lake):
    (nothing, done) = feed(lake, batches([b"\xff", b"{", event(1), event(2, "game_won")]))
    assert (nothing.messages, done.messages, done.events, done.rejected) == (0, 4, 2, 2)
    rows = lake.read(QUARANTINE).orderBy("position").collect()
    assert [(r.source_key, r.record_key, r.rule, r.raw) for r in rows[:2]] == [
        ("events_raw/0", "0", "malformed", "/w=="),
        ("events_raw/0", "1", "malformed", "{"),
    ]
    assert [(r.severity, r.rule) for r in rows[2:]] == [("flagged", "unknown_type")]


def test_a_run_without_news_writes_nothing(lake):
    feed(lake, batches(EARLY))
    tables = (LEARNER_EVENTS_RAW, LEARNER_EVENTS, QUARANTINE)
    before = [lake.version(table) for table in tables]
    feed(lake, [])
    assert [lake.version(table) for table in tables] == before


def test_the_views_show_the_last_90_days(lake):
    feed(lake, batches(EARLY))
    assert set(lake.view(LEARNER_ACTIVITY_SUMMARY).columns) >= {"active_minutes", "accuracy"}
    assert set(lake.view(CONTENT_MASTERY_TRENDS).columns) >= {"average_mastery", "learners"}


@pytest.mark.parametrize("table", ["gold.mastery_deltas", "gold.learner_mastery", "ops.watermarks"])
def test_a_batch_that_is_killed_at_gold_is_worked_off_by_the_next_run(lake, table):
    """The second batch dies right after a write of gold, and nothing new comes."""
    later = [event(20, "mastery_updated", NOON + 5 * DAY, mastery=0.9, session="s3")]
    first, second = batches(EARLY, later)
    feed(lake, [first])

    def killed(step, subject):
        if (step, subject) == ("written", table):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), followed(killed):
        feed(lake, [second])
    feed(lake, [])
    assert gold(lake) == expected_gold(EARLY + later)


def test_the_gold_job_goes_on_from_what_a_pipeline_has_brought_to_silver(lake):
    said = io.StringIO()
    *found, malformed = batches(EARLY, [*LATE, b"{"], [b"["])
    for batch in found:
        as_a_pipeline(lake, batch)
        job.gold(lake, Reporter("json", said))
    assert gold(lake) == expected_gold(EARLY + LATE)
    as_a_pipeline(lake, malformed)
    before = lake.version(MINUTE_METRICS)
    job.gold(lake, Reporter("json", said))
    assert "Silver has no new events" in said.getvalue()
    assert lake.version(MINUTE_METRICS) == before


def test_the_gold_job_keeps_what_breaks_a_rule_wherever_it_stands_among_the_events(lake):
    """Before, between and after the events of silver; and once, however often it is looked at."""
    for batch in batches([b"{", *EARLY], [b"["], [*LATE, b"]"], [b"}"]):
        as_a_pipeline(lake, batch)
        job.gold(lake, Reporter())
    assert gold(lake) == expected_gold(EARLY + LATE)
    malformed = lake.read(QUARANTINE).where("rule = 'malformed'").orderBy("position")
    assert [row.raw for row in malformed.collect()] == ["{", "[", "]", "}"]
    before = lake.version(QUARANTINE)
    job.gold(lake, Reporter())
    assert lake.version(QUARANTINE) == before


def as_a_pipeline(lake, batch):
    """Bronze and silver of a batch, without gold and watermark."""
    span = Span({place: (0, stop) for place, stop in batch.until.items()}, datetime.now(UTC))
    append_messages(lake, batch.messages, span, codec="snappy")
    with records_of(lake, span) as records:
        add_events(lake, records)

"""Any order, any repetition, any cut into batches and any crash: gold is that of the events."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_world import NOON, batches, event, expected_gold, feed, gold

from lakes import lake_in
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from pocketlake.observe import followed
from soak import IS_SOAK

_places = count()
KINDS = ("question_answered", "mastery_updated", "mastery_updated", "session_ended", "heartbeat")


class Killed(BaseException):
    """The process ends here."""


@st.composite
def events(draw, n):
    """One event of few learners, sessions and times, over a week around midnight."""
    kind = draw(st.sampled_from(KINDS))
    at = NOON + timedelta(
        days=draw(st.integers(0, 6)), minutes=draw(st.sampled_from([0, 1, 719, 720, 745]))
    )
    fields = {
        "question_answered": {"correct": draw(st.booleans()), "duration_ms": 1500},
        "mastery_updated": {"mastery": draw(st.integers(0, 100)) / 100},
    }.get(kind, {})
    # The same id on another day is another event.
    number = n - 1 if n and draw(st.integers(0, 9)) == 0 else n
    session = draw(st.sampled_from(["s1", "s2", None if kind != "session_ended" else "s1"]))
    learner = draw(st.sampled_from(["ada", "bob"]))
    return event(number, kind, at, session=session, learner=learner, **fields)


@st.composite
def histories(draw):
    """Distinct events, and batches of them: in any order, some twice, some batches killed."""
    found = [draw(events(n)) for n in range(draw(st.integers(1, 14)))]
    days = Counter((e["event_id"], e["occurred_at"][:10]) for e in found)
    found = [e for e in found if days[e["event_id"], e["occurred_at"][:10]] == 1]
    again = draw(st.lists(st.sampled_from(found), max_size=4)) if found else []
    sent = draw(st.permutations(found + again))
    cuts = sorted(draw(st.lists(st.integers(0, len(sent)), max_size=3)))
    parts = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    return found, parts, draw(st.lists(st.integers(0, 15), max_size=3))


@pytest.mark.soak
@settings(
    max_examples=300 if IS_SOAK else 4,
    derandomize=not IS_SOAK,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(history=histories())
def test_gold_is_that_of_the_events(lake, tmp_path, history):
    found, parts, kills = history
    ours = lake_in(lake, tmp_path / f"{next(_places)}")
    waiting = list(batches(*parts, partitions=2))
    for steps in kills:
        done = _until_killed(ours, waiting, steps)
        waiting = waiting[done:]
    feed(ours, waiting)
    assert gold(ours) == expected_gold(found)


def _until_killed(lake, waiting, steps):
    """Feed until so many writes are done; how many batches bronze then has."""
    left = count(steps, -1)

    def listener(kind, _subject):
        if kind == "written" and next(left) == 0:
            raise Killed

    with followed(listener), suppress(Killed):
        feed(lake, waiting)
    return _in_bronze(lake, waiting)


def _in_bronze(lake, waiting):
    rows = lake.read(LEARNER_EVENTS_RAW).select("topic", "partition", "offset").collect()
    there = {(r["topic"], r["partition"], r["offset"]) for r in rows}
    return sum((t, p, end - 1) in there for b in waiting for (t, p), end in [_last(b)])


def _last(batch):
    """The place of the batch's last message, and the offset after it."""
    row = batch.messages.slice(batch.messages.num_rows - 1).to_pylist()[0]
    return (row["topic"], row["partition"]), row["offset"] + 1

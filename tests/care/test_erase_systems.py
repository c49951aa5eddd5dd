"""Erasure in the stream and in the warehouse: derived from what they declare."""

from datetime import timedelta

from stream_world import NOON, batches, event, feed
from stream_world import gold as stream_gold
from test_erase import erased, hits

from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum.systems.stream.silver import LEARNER_EVENTS


def test_a_learner_of_the_stream_is_erased_and_metrics_stay(lake):
    events = [
        event(n, kind, NOON + timedelta(minutes=n), learner=who, mastery=0.1 * n, correct=True)
        for n, kind in enumerate(("session_started", "question_answered", "mastery_updated"))
        for who in ("learner-ada", "learner-bob")
    ]
    events = [one | {"event_id": f"{one['event_id']}-{i}"} for i, one in enumerate(events)]
    feed(lake, batches(events))
    before, count = str(stream_gold(lake)), lake.read(LEARNER_EVENTS_RAW).count()
    said = erased(lake, "learner-ada")
    assert said.tables["Erasures"][0][3] == "ERASED"
    assert hits(lake.config.home, "learner-ada") == []
    [pseudonym] = [
        row.learner_id
        for row in lake.read(LEARNER_EVENTS).select("learner_id").distinct().collect()
        if row.learner_id != "learner-bob"
    ]
    assert str(stream_gold(lake)).replace(pseudonym, "learner-ada").count(
        "learner-ada"
    ) == before.count("learner-ada")
    feed(lake, [])
    assert lake.read(LEARNER_EVENTS_RAW).count() == count
    assert hits(lake.config.home, "learner-ada") == []

"""Any sequence of loads leaves the sessions of the LMS's last state, the vanished ones marked."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyspark.sql import functions as F

from lakes import few_examples, lake_in
from lyceum.quality.quarantine import open_records
from lyceum.systems.lms.bronze import ANSWER_COLUMNS, LMS_EVENT_SESSION_DETAILS, PAGE_COLUMNS
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.job_publish import Landed, publish_bronze
from lyceum.systems.lms.job_silver import publish_silver
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS
from lyceum.systems.lms.source.landing import Load

EVENTS = ("e1", "e2", "e3")
_homes = count()

# What each event lists at the time of a load: titles by session, which several events may list.
states = st.dictionaries(
    st.sampled_from(EVENTS),
    st.dictionaries(
        st.sampled_from(("s1", "s2", "s3")), st.sampled_from(("a", "b")), min_size=1, max_size=2
    ),
    min_size=2,
    max_size=3,
)
loads = st.tuples(
    st.sampled_from(("complete", "since", "since")),
    states,
    st.sets(st.sampled_from(EVENTS), min_size=1),
    st.sets(st.sampled_from(EVENTS), max_size=1),
)


class Model:
    """What silver should hold: event, title and whether it is marked, by session.

    A session belongs to the event with the greatest id of those whose latest payload has it.
    """

    def __init__(self):
        self.sessions = {}
        self.payloads = {}

    def load(self, scope, state, listed, failed):
        fetched = {event: state.get(event, {}) for event in listed - failed}
        kept = failed if scope == "complete" else EVENTS
        self.payloads = {e: p for e, p in self.payloads.items() if e in kept} | fetched
        self.sessions = {s: (event, title, True) for s, (event, title, _) in self.sessions.items()}
        for event in sorted(self.payloads):
            for session, title in self.payloads[event].items():
                self.sessions[session] = (event, title, False)

    @property
    def lost(self):
        """Sessions of events that another event has."""
        listed = {(event, session) for event, found in self.payloads.items() for session in found}
        return listed - {(event, session) for session, (event, _, _) in self.sessions.items()}


def landed(lake, load, state, listed, failed):
    """What fetching leaves in the landing folder."""
    rows = [
        (load.id, e, 404, None, load.started_at, 1, "http_404", "gone")
        if e in failed
        else (load.id, e, 200, payload(state, e), load.started_at, 1, None, None)
        for e in sorted(listed)
    ]
    pages = lake.spark.createDataFrame([], PAGE_COLUMNS)
    answers = lake.spark.createDataFrame(rows, ANSWER_COLUMNS)
    return Landed(load, pages, answers, lake.config.home)


def payload(state, event):
    sessions = [{"id": s, "title": title} for s, title in state.get(event, {}).items()]
    return json.dumps({"data": {"event_id": event, "sessions": sessions}})


BOTH = {"e1": {"s1": "a"}, "e2": {"s1": "b"}}
STAYS = [("complete", BOTH, {"e1", "e2"}, set()), ("since", BOTH, {"e1"}, set())]
GOES = [*STAYS, ("since", {"e2": {"s2": "a"}}, {"e2"}, set())]
"""The event with the lesser id is fetched alone; then the other has the session no more."""


@pytest.mark.slow
@few_examples
@example(history=GOES)
@example(history=[STAYS[0], ("complete", BOTH, {"e1", "e2"}, {"e2"})])
@given(history=st.lists(loads, min_size=2, max_size=3))
def test_any_sequence_of_loads_leaves_the_last_state_of_the_lms(lake, tmp_path, history):
    ours, model = lake_in(lake, tmp_path / f"home{next(_homes)}"), Model()
    started = datetime(2026, 1, 1, tzinfo=UTC)
    for day, (scope, state, listed, failed) in enumerate(history):
        load = Load(scope, "lms", started_at=started + timedelta(days=day))
        answers = landed(ours, load, state, listed | failed, failed)
        publish_bronze(ours, answers)
        publish_silver(ours, answers, LmsFields())
        model.load(scope, state, listed | failed, failed)

    is_removed = F.col("removed_at").isNotNull()
    rows = ours.read(EVENT_SESSION_DETAILS).select("*", is_removed.alias("is_removed")).collect()
    assert {r.session_id: (r.event_id, r.session_title, r.is_removed) for r in rows} == (
        model.sessions
    )
    bronze = ours.read(LMS_EVENT_SESSION_DETAILS).select("event_id").collect()
    assert {row.event_id for row in bronze} == set(model.payloads)
    lost = open_records(ours, "lms", rule="session_in_two_events").collect()
    assert {(row.source_key, row.record_key) for row in lost} == model.lost
    assert len(lost) == len(model.lost)

"""Any sequence of loads leaves the sessions of the LMS's last state, the vanished ones marked."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F

from lakes import few_examples, lake_in
from lyceum.systems.lms.bronze import ANSWER_COLUMNS, LMS_EVENT_SESSION_DETAILS, PAGE_COLUMNS
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.job_publish import Landed, publish_bronze, publish_silver
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS
from lyceum.systems.lms.source.landing import Load

EVENTS = ("e1", "e2", "e3")
_homes = count()

states = st.dictionaries(
    st.sampled_from(("s1", "s2", "s3", "s4")),
    st.tuples(st.sampled_from(EVENTS), st.sampled_from(("a", "b"))),
    max_size=4,
)
loads = st.tuples(
    st.sampled_from(("complete", "complete", "since")),
    states,
    st.sets(st.sampled_from(EVENTS)),
    st.sets(st.sampled_from(EVENTS), max_size=1),
)


class Model:
    """What silver should hold: event, title and whether it is marked, by session."""

    def __init__(self):
        self.sessions = {}
        self.payloads = set()

    def load(self, scope, state, listed, failed):
        fetched = listed - failed
        found = {s: (event, title) for s, (event, title) in state.items() if event in fetched}
        for session, (event, title, _) in list(self.sessions.items()):
            is_known = event not in failed if scope == "complete" else event in fetched
            if session not in found and is_known:
                self.sessions[session] = (event, title, True)
        self.sessions |= {s: (event, title, False) for s, (event, title) in found.items()}
        kept = self.payloads & failed if scope == "complete" else self.payloads
        self.payloads = kept | fetched


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
    sessions = [{"id": s, "title": title} for s, (e, title) in state.items() if e == event]
    return json.dumps({"data": {"event_id": event, "sessions": sessions}})


@pytest.mark.slow
@few_examples
@given(history=st.lists(loads, min_size=2, max_size=2))
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
    assert {row.event_id for row in bronze} == model.payloads

"""The LMS load over real HTTP against a simulated LMS, into Delta on disk."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from lms_lake import landed, lms_job, sessions_in, sessions_of, small_lms, version
from pydantic import SecretStr

from lyceum.cli import main
from lyceum.errors import SettingsError
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import QUARANTINE
from lyceum.quality.results import QUALITY_RESULTS
from lyceum.runs.ledger import ETL_JOB_STATUS
from lyceum.runs.reporter import Reporter
from lyceum.systems.lms.audit import LMS_AUDIT_LOG
from lyceum.systems.lms.bronze import LMS_EVENT_SESSION_DETAILS, LMS_EVENTS
from lyceum.systems.lms.job import LmsJob, NothingFetchedError, load, retry_failed
from lyceum.systems.lms.job_fetch import EventsListError, LmsRefusedError, UnfinishedLoadError
from lyceum.systems.lms.job_get import get
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS
from tables import assert_rows


def open_quarantine(lake):
    rows = lake.read(QUARANTINE).where("resolved_at IS NULL").collect()
    return sorted((row.rule, row.source_key) for row in rows)


def calls_for(lms):
    return {event_id: count for event_id, count in lms.stats()["events"].items() if count}


def test_a_load_brings_every_session_and_later_ones_only_what_changed(lake):
    with small_lms(latency_ms=1, events=18) as lms:
        lms.lms.put_event("e1", [{"id": "s1", "title": "old"}, {"id": "s2", "title": "going"}])
        lms.lms.put_event("e2", [{"id": "s3", "title": "going with its event"}])
        load(lms_job(lake, lms))
        assert sessions_in(lake) == sessions_of(lms)
        assert lake.read(LMS_EVENT_SESSION_DETAILS).count() == 20
        assert calls_for(lms) == dict.fromkeys(lms.lms.events, 1)

        tables = (EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS, QUARANTINE)
        before = [version(lake, table) for table in tables]
        load(lms_job(lake, lms))
        assert [version(lake, table) for table in tables] == before

        lms.lms.put_session("e1", {"id": "s1", "title": "new", "products": [{"id": "p1"}]})
        lms.lms.remove_session("e1", "s2")
        lms.lms.remove_event("e2")
        load(lms_job(lake, lms))
        assert sessions_in(lake) == sessions_of(lms)
    ours = lake.read(EVENT_SESSION_DETAILS).where("event_id IN ('e1', 'e2')")
    assert_rows(
        ours.selectExpr("session_id", "session_title", "removed_at IS NOT NULL AS is_removed"),
        """
        session_id | session_title        | is_removed
        s1         | new                  | false
        s2         | going                | true
        s3         | going with its event | true
        """,
    )
    assert_rows(
        lake.read(LMS_AUDIT_LOG),
        """
        table_name                | row_count | load_status | error_message
        lms_event_session_details | 20        | SUCCESS     | NULL
        lms_event_session_details | 20        | SUCCESS     | NULL
        lms_event_session_details | 19        | SUCCESS     | NULL
        """,
    )
    assert_rows(
        lake.view(ETL_JOB_STATUS),
        """
        job_name            | status  | rows_processed | error_message
        lms_session_details | SUCCESS | 20             | NULL
        lms_session_details | SUCCESS | 20             | NULL
        lms_session_details | SUCCESS | 19             | NULL
        """,
    )
    assert lake.read(QUALITY_RESULTS).where("NOT passed AND severity = 'critical'").isEmpty()
    assert landed(lake) == []
    assert (lake.config.home / "data_docs" / "lms" / "index.html").exists()


def test_failed_events_stop_nobody_and_are_retried_alone(lake):
    with small_lms() as lms:
        failing, flaky = list(lms.lms.events)[:2]
        lms.script(failing, "http_404")
        lms.script(flaky, "http_500", "connection_reset", "truncated_body", "not_json")
        load(lms_job(lake, lms))

        failed_ones = {session["id"] for session in lms.lms.details[failing]["sessions"]}
        assert sessions_in(lake).keys() == sessions_of(lms).keys() - failed_ones
        assert lake.read(LMS_EVENT_SESSION_DETAILS).count() == 19
        assert open_quarantine(lake) == [("event_not_fetched", failing)]
        failed = lake.read(LMS_AUDIT_LOG).where("load_status = 'FAILED'").collect()
        assert [(row.row_count, row.error_message) for row in failed] == [
            (-1, "1 events failed: 1 http_404")
        ]

        retry_failed(lms_job(lake, lms))
        again = {failing: 2, flaky: 5}
        assert calls_for(lms) == dict.fromkeys(lms.lms.events, 1) | again
        assert open_quarantine(lake) == []
        assert sessions_in(lake) == sessions_of(lms)


def test_only_events_updated_since_are_fetched(lake):
    with small_lms() as lms:
        cut = (datetime.now(UTC) + timedelta(days=3650)).replace(microsecond=0)
        lms.lms.put_event(
            "e1", [{"id": "s1", "title": "fresh"}], updated_at=(cut + timedelta(1)).isoformat()
        )
        load(lms_job(lake, lms), since=cut.isoformat())
        assert calls_for(lms) == {"e1": 1}
        assert sessions_in(lake) == {"s1": "fresh"}
        assert lake.read(LMS_EVENTS).count() == 1


def test_dirty_content_is_quarantined_by_rule_and_the_rest_lands(lake):
    every_kind = "0.3"
    with small_lms(events=40, dirt=every_kind) as lms:
        load(lms_job(lake, lms))
        rules = {rule for rule, _ in open_quarantine(lake)}
        assert rules >= {
            "payload_without_sessions",
            "session_without_id",
            "session_id_wrong_type",
            "session_in_two_events",
            "unknown_timezone",
            "unreadable_start_time",
            "ends_before_start",
            "unusable_product",
        }
        usable = {
            str(session["id"])
            for _, session in lms.lms.sessions()
            if isinstance(session.get("id"), str | int) and not isinstance(session["id"], bool)
        }
        assert set(sessions_in(lake)) == usable
        odd = [event_id for event_id in lms.lms.events if set(event_id) & set("/?'")]
        assert odd
        assert set(odd) <= set(calls_for(lms))


def test_a_wrong_secret_changes_no_table_and_is_named_in_the_audit_log(lake):
    with small_lms() as lms, pytest.raises(EventsListError, match="401"):
        load(lms_job(lake, lms, client_secret=SecretStr("not-the-one")))
    assert lake.read(LMS_EVENT_SESSION_DETAILS).isEmpty()
    failed = lake.read(LMS_AUDIT_LOG).where("load_status = 'FAILED'").collect()
    assert len(failed) == 1
    assert "401" in failed[0].error_message
    assert "not-the-one" not in failed[0].error_message


def test_a_load_with_wrong_settings_leaves_its_failure(lake, monkeypatch, capsys):
    """Nothing was called, no table was touched; ops health shows it."""
    monkeypatch.setattr("lyceum.context.Context.lakehouse", lambda _: lake)
    assert main(["lms", "load", "--url", "nowhere"]) == 2
    assert "expected LMS_BASE_URL" in capsys.readouterr().err
    failed = lake.read(ETL_JOB_STATUS.base).orderBy("status").collect()
    assert sorted((row.job_name, row.status) for row in failed) == [
        ("lms_session_details", "FAILED"),
        ("lms_session_details", "RUNNING"),
    ]
    assert "expected LMS_BASE_URL" in failed[0].error_message
    assert main(["--json", "ops", "health"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (runs,) = [one["rows"] for one in answers if one.get("name") == "Failed runs"]
    assert [row["status"] for row in runs] == ["FAILED"]
    assert lake.read(LMS_AUDIT_LOG).where("load_status = 'FAILED'").count() == 1

    config = replace(lake.config, environ={"LMS_QUALITY_TIMING": "2"})
    there = {"base_url": "http://127.0.0.1:1", "client_id": "x", "client_secret": "hidden-away"}
    with pytest.raises(SettingsError, match="LMS_QUALITY_TIMING"):
        load(LmsJob(Lakehouse(lake.spark, config), Reporter(), there))


def test_the_summary_counts_what_is_in_quarantine(lake):
    """Also what an earlier load put there: one of a single event has seen nothing of it."""
    with small_lms(events=4) as lms:
        lms.lms.put_event("e1", [{"id": "s1", "title": "one"}, {"title": "without an id"}])
        load(lms_job(lake, lms))
        cut = (datetime.now(UTC) + timedelta(days=3650)).replace(microsecond=0)
        lms.lms.put_event(
            "e2", [{"id": "s2", "title": "two"}], updated_at=f"{cut:%Y-%m-%dT%H:%M:%S}.9Z"
        )
        out = StringIO()
        load(replace(lms_job(lake, lms), reporter=Reporter("json", out)), since=cut.isoformat())
    said = [json.loads(line) for line in out.getvalue().splitlines()]
    (counts,) = [one["rows"] for one in said if one.get("name") == "In quarantine"]
    open_now = lake.read(QUARANTINE).where("resolved_at IS NULL").count()
    assert sum(row["records"] for row in counts) == open_now > 0


def test_an_lms_that_is_down_changes_no_table(lake):
    with small_lms() as lms:
        job = lms_job(lake, lms, max_retries=0)
    for _ in range(2):
        with pytest.raises(EventsListError, match="connection") as caught:
            load(job)
        assert caught.value.is_transient
    assert lake.read(LMS_EVENT_SESSION_DETAILS).isEmpty()
    assert lake.read(LMS_AUDIT_LOG).where("load_status = 'FAILED'").count() == 2


def test_a_load_that_the_lms_stops_goes_on_with_what_is_not_there(lake):
    """After five events it answers 503: the circuit opens; later it is well again."""
    with small_lms() as lms:
        first, others = sorted(lms.lms.events)[:5], sorted(lms.lms.events)[5:]
        for event_id in others:
            lms.script(event_id, *["http_503"] * 6)
        impatient = {"breaker_window": 5, "breaker_reset": 0.01, "breaker_max_probes": 1}
        with pytest.raises(LmsRefusedError, match=r"answers no more \(circuit_open\)") as caught:
            load(lms_job(lake, lms, concurrency=1, **impatient))
        assert caught.value.is_transient
        assert LMS_EVENTS.short_name not in {name for _, name in lake.tables()}
        assert len(landed(lake)) == 1

        for event_id in others:
            lms.script(event_id)
        lms.reset_stats()
        load(lms_job(lake, lms))
        assert calls_for(lms) == dict.fromkeys(others, 1)
        assert sessions_in(lake) == sessions_of(lms)
    assert len(first) == lake.read(LMS_EVENT_SESSION_DETAILS).count() - len(others)
    assert landed(lake) == []


def test_an_empty_list_of_events_empties_no_table(lake):
    known = ("e1", "{}", 200, datetime.now(UTC), "l1")
    lake.append(LMS_EVENT_SESSION_DETAILS, lake.rows(LMS_EVENT_SESSION_DETAILS, [known]))
    with small_lms(events=0) as lms:
        load(lms_job(lake, lms), since="2026-01-01T00:00:00Z")
        with pytest.raises(EventsListError, match="found none, but 1 are known here"):
            load(lms_job(lake, lms))
    assert lake.read(LMS_EVENT_SESSION_DETAILS).count() == 1


def test_get_says_so_when_the_lms_refuses(lake):
    with small_lms() as lms, pytest.raises(LmsRefusedError, match="401"):
        get(lms_job(lake, lms, client_secret=SecretStr("not-the-one")), "e1")


def test_when_every_event_fails_the_tables_stay(lake):
    with small_lms() as lms:
        for event_id in lms.lms.events:
            lms.script(event_id, "http_403")
        with pytest.raises(NothingFetchedError, match="20 events failed: 20 http_403"):
            load(lms_job(lake, lms))
    assert LMS_EVENTS.short_name not in {name for _, name in lake.tables()}
    assert [rule for rule, _ in open_quarantine(lake)] == ["event_not_fetched"] * 20


def test_an_unfinished_load_of_another_kind_is_in_the_way_until_it_is_dropped(lake):
    with small_lms() as lms:
        for event_id in lms.lms.events:
            lms.script(event_id, "http_503")
        impatient = {"breaker_window": 5, "breaker_reset": 0.01, "breaker_max_probes": 1}
        with pytest.raises(LmsRefusedError):
            load(lms_job(lake, lms, concurrency=1, max_retries=0, **impatient))
    failed = lake.read(LMS_AUDIT_LOG).collect()
    assert [(row.row_count, row.load_status) for row in failed] == [(-1, "FAILED")]
    assert failed[0].error_message.startswith("the LMS answers no more (circuit_open): not called")
    with small_lms(seed=8) as other:
        with pytest.raises(UnfinishedLoadError, match="run that one again to finish it"):
            load(lms_job(lake, other))
        load(lms_job(lake, other), restart=True)
        assert sessions_in(lake) == sessions_of(other)


def test_get_prints_the_sessions_of_one_event_and_writes_nothing(lake, capsys):
    with small_lms() as lms:
        lms.lms.put_event("a/b?c'd", [{"id": "s1", "title": "Hello"}, {"title": "no id"}])
        job = lms_job(lake, lms)
        get(replace(job, reporter=Reporter("json")), "a/b?c'd")
    out = capsys.readouterr().out
    assert '"session_id": "s1"' in out
    assert "session_without_id" in out
    assert lake.tables() == []

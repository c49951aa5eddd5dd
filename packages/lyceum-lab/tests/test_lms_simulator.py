"""The API of the simulated LMS, called over real HTTP."""

import asyncio
import base64

import pytest
from lms_calls import FORM, calling, detail_of_e1, one_event, page_of_five

from lyceum_lab.lms import Lms

# The API


def test_the_events_list_is_paged():
    """Three pages of two hold five events, and only the last says that nothing follows."""
    assert page_of_five(1) == {
        "data": ["1", "2"],
        "current_page": 1,
        "page_size": 2,
        "total_count": 5,
        "has_more_data": True,
    }
    last = page_of_five(3)
    assert (last["data"], last["has_more_data"]) == (["5"], False)


def test_session_details_hold_the_sessions_of_one_event():
    """The details of e1 are its session s1."""
    answer = detail_of_e1()
    assert answer.status == 200
    assert answer.json == {"data": {"event_id": "e1", "sessions": [{"id": "s1"}]}}


def test_an_unknown_event_or_path_is_not_found():
    """404 answers an event that does not exist, and a path that means nothing."""

    async def script(caller):
        paths = ["/api/v1/events/e1", "/api/v2", "/elsewhere"]
        return [(await caller.details("e9")).status] + [(await caller.get(p)).status for p in paths]

    with one_event() as sim:
        assert calling(sim, script) == [404, 404, 404, 404]


@pytest.mark.parametrize("event_id", ["a/b", "a?b", "a'b", "a/../b?x='1'&y=%2F#"])
def test_an_odd_event_id_is_found_when_it_is_quoted(event_id):
    """An id with URL characters reaches its event, percent-encoded."""
    with one_event() as sim:
        sim.lms.put_event(event_id, [{"id": "odd"}])
        answer = calling(sim, lambda caller: caller.details(event_id))
    assert answer.json["data"] == {"event_id": event_id, "sessions": [{"id": "odd"}]}


@pytest.mark.parametrize(
    ("since", "ids"),
    [
        ("2026-03-01T00:00:00Z", ["e1", "e2"]),
        ("2026-03-01T02:00:00%2B01:00", ["e2"]),
        ("2027-01-01", []),
    ],
)
def test_updated_since_keeps_events_changed_at_or_after_it(since, ids):
    """e1 changed on 1 March, e2 a day later; a time may carry an offset."""

    async def script(caller):
        page = (await caller.events(more=f"&updated_since={since}")).json
        return [event["id"] for event in page["data"]], page["total_count"]

    with one_event() as sim:
        sim.lms.put_event("e2", updated_at="2026-03-02T00:00:00Z")
        assert calling(sim, script) == (ids, len(ids))


@pytest.mark.parametrize("query", ["&updated_since=soon", "&page=x", "&page=0", "&page_size=0"])
def test_an_unreadable_query_is_a_bad_request(query):
    """400 answers a page or a time that is none."""
    with one_event() as sim:
        assert calling(sim, lambda caller: caller.events(more=query)).status == 400


def test_the_model_can_change_while_it_is_served():
    """Calls see sessions and events as they are put, removed, mutated and replaced."""
    seen = []

    async def script(caller):
        async def look() -> None:
            answer = await caller.details("e1")
            sessions = answer.json["data"]["sessions"] if answer.status == 200 else None
            seen.append(sessions and [session["id"] for session in sessions])

        sim.lms.put_session("e1", {"id": "s2"})
        await look()
        sim.lms.remove_session("e1", "s1")
        await look()
        sim.lms.details["e1"]["sessions"][0]["id"] = "s3"
        await look()
        sim.lms.remove_event("e1")
        await look()
        sim.lms = Lms([({"id": "e1"}, {"event_id": "e1", "sessions": [{"id": "s4"}]})])
        await look()

    with one_event() as sim:
        calling(sim, script)
    assert seen == [["s1", "s2"], ["s2"], ["s3"], None, ["s4"]]


def test_a_change_by_method_keeps_the_session_count_true():
    """After a second session is put, the events list announces two."""
    with one_event() as sim:
        sim.lms.put_session("e1", {"id": "s2"})
        [event] = calling(sim, lambda caller: caller.events()).json["data"]
    assert event["session_count"] == 2
    assert event["updated_at"] > "2026-03-01"


# Tokens


def test_a_token_is_given_for_a_form_or_basic_authorization():
    """Both forms of client credentials give a bearer token that lasts `token_ttl` seconds."""
    basic = base64.b64encode(b"lyceum:lyceum-secret").decode()

    async def script(caller):
        by_form = await caller.post("/oauth/token", data=FORM)
        by_basic = await caller.post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {basic}"},
        )
        return by_form, by_basic

    with one_event(token_ttl=120) as sim:
        answers = calling(sim, script, log_in=False)
    assert [(a.status, a.json["expires_in"], len(a.json["access_token"])) for a in answers] == [
        (200, 120, 32),
        (200, 120, 32),
    ]


@pytest.mark.parametrize(
    ("form", "authorization", "status", "error"),
    [
        (FORM | {"client_secret": "guess"}, "", 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, "Basic bm8=", 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, "Basic !", 401, "invalid_client"),
        (FORM | {"grant_type": "password"}, "", 400, "unsupported_grant_type"),
    ],
)
def test_wrong_credentials_get_no_token(form, authorization, status, error):
    """A wrong secret, a broken Basic header and another grant are refused in JSON."""
    with one_event() as sim:
        answer = calling(
            sim,
            lambda caller: caller.post(
                "/oauth/token", data=form, headers={"Authorization": authorization}
            ),
            log_in=False,
        )
    assert (answer.status, answer.json["error"]) == (status, error)


def test_a_call_without_a_valid_token_is_refused():
    """401 answers no token, a made-up one and an expired one."""

    async def script(caller):
        statuses = [(await caller.details("e1")).status]
        await asyncio.sleep(0.55)
        statuses.append((await caller.details("e1")).status)
        for headers in ({}, {"Authorization": "Bearer made-up"}):
            caller.headers = headers
            statuses.append((await caller.details("e1")).status)
        return statuses

    with one_event(token_ttl=0.5) as sim:
        assert calling(sim, script) == [200, 401, 401, 401]


def test_all_tokens_can_be_expired_at_once():
    """After `expire_tokens` a token that worked gets 401."""

    async def script(caller):
        before = await caller.details("e1")
        sim.expire_tokens()
        return before.status, (await caller.details("e1")).status

    with one_event() as sim:
        assert calling(sim, script) == (200, 401)

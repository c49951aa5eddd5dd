"""What the LMS client makes of each answer, and how often it calls."""

import asyncio
import logging

import pytest
from scripted_lms import BASE_URL, ScriptedLms, answer, settings, token_answer

from lyceum.http.errors import AuthError
from lyceum.http.retry import HttpCallError
from lyceum.http.transport import Request, Response
from lyceum.systems.lms.source.client import Fetched, LmsClient
from virtual_time import VirtualLoop, run_virtual

GOOD = answer({"data": {"event_id": "e1", "sessions": []}})
E1 = "/api/v1/events/e1/session-details"


def fetch_all(lms: ScriptedLms, ids: list[str], **fields: object) -> dict[str, Fetched]:
    """The outcomes by event id, on a virtual clock."""
    loop = VirtualLoop()

    async def main() -> dict[str, Fetched]:
        client = LmsClient(settings(**fields), lms, clock=loop.time, now=loop.now)
        return {f.event_id: f async for f in client.session_details(ids)}

    return run_virtual(main(), within=10_000, loop=loop)


def fetch(*script: object, tokens: list[Response] | None = None, **fields: object) -> Fetched:
    """The outcome of event e1, whose calls are answered by the script."""
    return fetch_all(ScriptedLms({E1: list(script)}, tokens), ["e1"], **fields)["e1"]


def test_a_good_answer_is_kept_as_it_was_sent():
    """The raw text, its spaces too."""
    text = '{ "data": {"event_id": "e1", "sessions": [], "t": "\\ud83d\\ude80 é"} }'
    fetched = fetch(Response(200, {}, text.encode()))
    assert (fetched.body, fetched.status, fetched.attempts) == (text, 200, 1)
    assert (fetched.error_kind, fetched.fetched_at.tzname()) == (None, "UTC")


@pytest.mark.parametrize(
    ("body", "kind", "calls"),
    [
        (b"<html>", "not_json", 3),
        (b'{"data": [', "not_json", 3),
        (b"", "not_json", 3),
        (b'{"a": "\xff"}', "not_json", 3),
        (b"[1]", "not_an_object", 1),
        (b'{"a": NaN}', "invalid_json", 1),
        (b'{"a": -Infinity}', "invalid_json", 1),
        (b'{"a": 1e999}', "invalid_json", 1),
        (b'{"a": "\\ud800"}', "invalid_json", 1),
        (b'{"a": "\\uDC00 x"}', "invalid_json", 1),
        (b'{"a": ' + b"9" * 5000 + b"}", "invalid_json", 1),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", 1),
    ],
)
def test_a_body_that_cannot_be_kept_is_an_error(body, kind, calls):
    """What may have been cut off is asked for again, what is complete is not."""
    fetched = fetch(Response(200, {}, body), max_retries=2)
    assert (fetched.error_kind, fetched.attempts) == (kind, calls)


@pytest.mark.parametrize(
    ("status", "calls"), [(400, 1), (403, 1), (404, 1), (410, 1), (304, 1), (408, 3), (500, 3)]
)
def test_a_status_is_tried_again_only_if_it_may_pass(status, calls):
    """Two retries for 408, 425, 429 and 5xx, none for others."""
    fetched = fetch(Response(status, {}, b""), max_retries=2)
    assert (fetched.error_kind, fetched.status, fetched.attempts) == (
        f"http_{status}",
        status,
        calls,
    )


def test_a_fault_that_passes_leaves_a_good_outcome():
    """A reset, a 503, then the body: three calls."""
    fetched = fetch(HttpCallError("connection", "reset"), Response(503, {}, b""), GOOD)
    assert (fetched.error_kind, fetched.attempts) == (None, 3)


def test_one_failing_event_does_not_stop_the_others():
    """e2 is missing, e1 and e3 are there."""
    paths = {f"/api/v1/events/{i}/session-details": [GOOD] for i in ("e1", "e3")}
    lms = ScriptedLms({**paths, "/api/v1/events/e2/session-details": [answer({}, 404)]})
    kinds = {i: f.error_kind for i, f in fetch_all(lms, ["e1", "e2", "e3"]).items()}
    assert kinds == {"e1": None, "e2": "http_404", "e3": None}


@pytest.mark.parametrize(
    ("event_id", "quoted"),
    [
        ("a/b", "a%2Fb"),
        ("what?", "what%3F"),
        ("it's", "it%27s"),
        ("a#b c", "a%23b%20c"),
        ("100%", "100%25"),
        ("عيد🚀", "%D8%B9%D9%8A%D8%AF%F0%9F%9A%80"),
    ],
)
def test_an_event_id_is_quoted_to_the_last_character(event_id, quoted):
    """Nothing in it can change the path."""
    lms = ScriptedLms({f"/api/v1/events/{quoted}/session-details": [GOOD]})
    assert fetch_all(lms, [event_id])[event_id].error_kind is None


@pytest.mark.parametrize("event_id", ["", ".", "..", "\ud800"])
def test_an_event_id_that_no_url_can_hold_is_not_called(event_id):
    """It would ask for another resource."""
    lms = ScriptedLms({})
    assert fetch_all(lms, [event_id])[event_id].error_kind == "invalid_event_id"
    assert lms.requests == []


def test_a_401_gets_a_fresh_token_once():
    """Two calls of the event, two of the token."""
    lms = ScriptedLms({E1: [answer({}, 401), GOOD]}, [token_answer("t1"), token_answer("t2")])
    assert fetch_all(lms, ["e1"])["e1"].attempts == 2
    assert [r.headers["Authorization"] for r in lms.calls(E1)] == ["Bearer t1", "Bearer t2"]


def test_a_401_with_a_fresh_token_is_final():
    """And the next event does not ask for a token again."""
    lms = ScriptedLms({E1: [answer({}, 401)], E1.replace("e1", "e2"): [answer({}, 401)]})
    outcomes = fetch_all(lms, ["e1", "e2"], concurrency=1)
    assert [(f.error_kind, f.attempts) for f in outcomes.values()] == [
        ("unauthorized", 2),
        ("unauthorized", 1),
    ]
    assert len(lms.calls("token")) == 2


def test_many_401s_at_once_refresh_once():
    """Twenty calls under way with a revoked token."""

    async def revoked(request: Request) -> Response:
        await asyncio.sleep(0.1)
        return GOOD if request.headers["Authorization"] == "Bearer t2" else answer({}, 401)

    ids = [f"e{n}" for n in range(20)]
    paths = {f"/api/v1/events/{i}/session-details": [revoked] for i in ids}
    lms = ScriptedLms(paths, [token_answer("t1"), token_answer("t2")])
    outcomes = fetch_all(lms, ids, concurrency=20)
    assert {f.error_kind for f in outcomes.values()} == {None}
    assert len(lms.calls("token")) == 2


def test_a_token_is_renewed_before_it_expires():
    """100 s of life, 60 s margin: the call after 50 s gets a new one."""

    async def slow(_: Request) -> Response:
        await asyncio.sleep(50)
        return GOOD

    lms = ScriptedLms(
        {E1: [slow], E1.replace("e1", "e2"): [GOOD]},
        [token_answer("t1", 100), token_answer("t2", 100)],
    )
    fetch_all(lms, ["e1", "e2"], concurrency=1)
    assert lms.requests[-1].headers["Authorization"] == "Bearer t2"


def test_bad_credentials_stop_the_load_in_one_line():
    """One call, no event called, and neither the secret nor the answer's text in the message."""
    body = {"error": "invalid_client", "error_description": "s3cr3t is wrong"}
    lms = ScriptedLms({}, [answer(body, 401)])
    with pytest.raises(AuthError) as caught:
        fetch_all(lms, ["e1", "e2", "e3"])
    assert str(caught.value) == (
        "expected an access token from POST /oauth/token, found http_401 (invalid_client):"
        " check LMS_CLIENT_ID, LMS_CLIENT_SECRET, LMS_BASE_URL"
    )
    assert len(lms.requests) == 1


def test_a_token_answer_without_a_token_stops_the_load():
    """200 with something else in it."""
    with pytest.raises(AuthError, match="found 200 without an access_token"):
        fetch(GOOD, tokens=[answer({"token": "x"})])


def test_credentials_go_as_a_form_or_as_basic():
    """RFC 6749, 2.3.1."""
    form, basic = ScriptedLms({E1: [GOOD]}), ScriptedLms({E1: [GOOD]})
    fetch_all(form, ["e1"], scope="read")
    fetch_all(basic, ["e1"], token_auth="basic")
    assert form.requests[0].body == (
        b"grant_type=client_credentials&scope=read&client_id=client&client_secret=s3cr3t"
    )
    assert basic.requests[0].headers["Authorization"] == "Basic Y2xpZW50OnMzY3IzdA=="
    assert basic.requests[0].body == b"grant_type=client_credentials"


def test_a_retry_after_pauses_every_call():
    """After a 429 that asks for 30 s, no call is made for 30 s."""
    times: list[float] = []

    async def limited(_: Request) -> Response:
        times.append(asyncio.get_running_loop().time())
        return answer({}, 429, retry_after="30") if len(times) == 1 else GOOD

    ids = [f"e{n}" for n in range(5)]
    paths = {f"/api/v1/events/{i}/session-details": [limited] for i in ids}
    outcomes = fetch_all(ScriptedLms(paths), ids, concurrency=1)
    assert [f.attempts for f in outcomes.values()] == [2, 1, 1, 1, 1]
    assert times[1] >= 30.0


def test_a_retry_after_that_is_too_long_gives_the_event_up():
    """301 s where 300 s are allowed: one call."""
    fetched = fetch(answer({}, 503, retry_after="301"))
    assert (fetched.error_kind, fetched.attempts) == ("retry_after_too_long", 1)


def test_an_http_date_is_read_by_the_servers_own_clock():
    """The server's clock is a year off; the wait it asks for is 20 s."""
    headers = {"date": "Fri, 01 Jan 2027 00:00:00 GMT"}
    limited = answer({}, 429, retry_after="Fri, 01 Jan 2027 00:00:20 GMT", **headers)
    fetched = fetch(limited, GOOD)
    assert fetched.error_kind is None
    assert 20 <= (fetched.fetched_at - fetched.fetched_at.replace(second=0)).seconds < 22


def test_an_outage_opens_the_circuit_and_ends_the_load():
    """After two failed probes all that is left is reported without a call."""
    ids = [f"e{n}" for n in range(500)]
    paths = {f"/api/v1/events/{i}/session-details": [answer({}, 503)] for i in ids}
    lms = ScriptedLms(paths)
    outcomes = fetch_all(lms, ids, concurrency=10, breaker_window=20, breaker_max_probes=2)
    kinds = [f.error_kind for f in outcomes.values()]
    assert kinds.count("circuit_open") == len(ids)
    assert len(lms.calls("events")) <= 20 + 10 + 2
    assert "last fault: GET https://lms.test/api/v1" in str(outcomes["e499"].error_message)


def test_an_outage_that_ends_costs_no_event():
    """The circuit opens, a probe finds the LMS well after 30 s, everything is fetched."""

    async def down_for_a_while(_: Request) -> Response:
        is_down = asyncio.get_running_loop().time() < 25
        return answer({}, 503) if is_down else GOOD

    ids = [f"e{n}" for n in range(100)]
    paths = {f"/api/v1/events/{i}/session-details": [down_for_a_while] for i in ids}
    outcomes = fetch_all(ScriptedLms(paths), ids, concurrency=10, breaker_window=20)
    assert {f.error_kind for f in outcomes.values()} == {None}


def test_many_missing_events_do_not_open_the_circuit():
    """A 404 says that the server is well."""
    ids = [f"e{n}" for n in range(200)]
    paths = {f"/api/v1/events/{i}/session-details": [answer({}, 404)] for i in ids}
    outcomes = fetch_all(ScriptedLms(paths), ids, breaker_window=20)
    assert {f.error_kind for f in outcomes.values()} == {"http_404"}


def test_ids_are_taken_as_they_are_needed():
    """With 4 calls at once and nobody reading on, at most 4 + 16 + 2 ids are taken of a million."""
    taken: list[str] = []

    def ids():
        for n in range(1_000_000):
            taken.append(f"e{n}")
            yield "e1"

    loop = VirtualLoop()

    async def main() -> None:
        client = LmsClient(settings(concurrency=4), ScriptedLms({E1: [GOOD]}), clock=loop.time)
        stream = client.session_details(ids())
        await anext(stream)
        await asyncio.sleep(60)
        await stream.aclose()

    run_virtual(main(), within=1000, loop=loop)
    assert len(taken) <= 22


def test_a_redirect_on_the_same_host_is_followed():
    """And counts as a call."""
    moved = Response(307, {"Location": "/v2/e1"}, b"")
    lms = ScriptedLms({E1: [moved], "/v2/e1": [GOOD]})
    assert (fetch_all(lms, ["e1"])["e1"].attempts, len(lms.calls("e1"))) == (2, 2)


@pytest.mark.parametrize(
    "location",
    [
        "https://other.test/e1",
        "http://lms.test/e1",
        "https://lms.test:8443/e1",
        "//other.test/e1",
        "https://lms.test@other.test/e1",
        "https://user@lms.test/e1",
        "ftp://lms.test/e1",
        "https://lms.test:port/e1",
    ],
)
def test_a_redirect_elsewhere_is_refused(location):
    """Another host, port or scheme never sees the token."""
    fetched = fetch(Response(302, {"Location": location}, b""))
    assert (fetched.error_kind, fetched.attempts) == ("redirect_refused", 1)


def test_a_redirect_to_itself_ends():
    """After three hops."""
    fetched = fetch(Response(302, {"Location": E1}, b""))
    assert (fetched.error_kind, fetched.attempts) == ("too_many_redirects", 4)


def test_redirects_count_among_the_calls_of_an_event():
    """With one retry an event gets two calls, whatever the server says."""
    fetched = fetch(Response(302, {"Location": E1}, b""), max_retries=1)
    assert (fetched.error_kind, fetched.attempts) == ("too_many_redirects", 2)


def test_nothing_secret_is_logged(caplog):
    """Tokens, retries and circuit changes are; secret and token are not."""
    caplog.set_level(logging.DEBUG)
    ids = [f"e{n}" for n in range(40)]
    paths = {f"/api/v1/events/{i}/session-details": [answer({}, 503)] for i in ids}
    fetch_all(ScriptedLms(paths, [token_answer("t0k3n")]), ids, breaker_window=10)
    assert "circuit open" in caplog.text
    assert "s3cr3t" not in caplog.text
    assert "t0k3n" not in caplog.text
    assert "t0k3n" not in repr(Request("GET", BASE_URL, {"Authorization": "Bearer t0k3n"}))

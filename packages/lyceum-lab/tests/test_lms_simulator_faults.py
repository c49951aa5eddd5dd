"""The faults of the simulated LMS, seen over real HTTP."""

import asyncio
import time
from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from lms_calls import FORM, calling, detail_of_e1, one_event, page_of_five
from yarl import URL

from lyceum_lab.lms import Simulator, SimulatorConfig


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("http_403", 403),
        ("http_404", 404),
        ("http_408", 408),
        ("http_425", 425),
        ("http_500", 500),
        ("http_503", 503),
        ("expired_token", 401),
    ],
)
def test_a_status_fault_is_a_json_error(fault, status):
    """The fault's status comes with a JSON body that repeats it."""
    answer = detail_of_e1(faults=f"details.{fault}=1")
    assert (answer.status, answer.json["status"]) == (status, status)


def test_too_many_requests_tells_the_seconds_to_wait():
    """429 with Retry-After: 7."""
    answer = detail_of_e1(faults="http_429_seconds=1", retry_after_seconds=7)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


def test_too_many_requests_tells_the_date_to_wait_for():
    """429 with an HTTP date 7 to 8 seconds ahead."""
    answer = detail_of_e1(faults="http_429_date=1", retry_after_seconds=7)
    moment = parsedate_to_datetime(answer.headers["Retry-After"]).timestamp()
    assert answer.status == 429
    assert 6 < moment - time.time() <= 8


def test_a_reset_connection_gives_no_answer():
    """The client sees its connection end before a status line."""
    with pytest.raises(aiohttp.ClientConnectionError):
        detail_of_e1(faults="connection_reset=1")


def test_a_truncated_body_ends_before_its_length():
    """The body is shorter than its Content-Length."""
    with pytest.raises(aiohttp.ClientPayloadError, match="Not enough data"):
        detail_of_e1(faults="truncated_body=1")


def test_a_body_that_is_not_json_calls_itself_json():
    """200, application/json, and HTML in it."""
    answer = detail_of_e1(faults="not_json=1")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body.startswith(b"<!doctype html>")


def test_a_slow_answer_comes_late_and_good():
    """A slow call takes the set 0.1 seconds and then delivers."""
    started = time.monotonic()
    answer = detail_of_e1(faults="timeout=1", slow_seconds=0.1)
    assert answer.json["data"]["event_id"] == "e1"
    assert time.monotonic() - started >= 0.1


def test_a_redirect_names_another_host_and_tells_who_follows():
    """The Location is this server as localhost; a client that follows shows in the stats."""

    async def script(caller):
        answer = await caller.details("e1")
        async with caller.session.get(answer.headers["Location"]):
            return answer

    with one_event(faults="details.redirect_other_host=1") as sim:
        answer = calling(sim, script)
        assert answer.status == 302
        assert URL(answer.headers["Location"]).host == "localhost"
        assert sim.stats()["redirects_followed"] == 1


def test_a_repeated_page_is_the_page_before():
    """Page 2 comes as page 1, whole."""
    page = page_of_five(2, faults="repeated_page=1")
    assert (page["data"], page["current_page"], page["has_more_data"]) == (["1", "2"], 1, True)


def test_looping_pages_start_again_and_never_end():
    """The page after the third has the events of the first, and says that more follow."""
    page = page_of_five(4, faults="page_loop=1")
    assert (page["data"], page["current_page"], page["has_more_data"]) == (["1", "2"], 4, True)
    assert page_of_five(3, faults="page_loop=1")["has_more_data"] is True


def test_a_total_can_be_wrong_or_absent():
    """Of five events, twelve are announced, or no total at all."""
    assert page_of_five(1, faults="wrong_total=1")["total_count"] == 12
    assert "total_count" not in page_of_five(1, faults="absent_total=1")


def test_an_empty_page_can_promise_more():
    """No events, and has_more_data all the same."""
    page = page_of_five(2, faults="empty_page_has_more=1")
    assert (page["data"], page["has_more_data"]) == ([], True)


def test_a_fault_of_the_token_endpoint_needs_its_name():
    """`http_500` spares the token endpoint, `token.http_500` hits only it."""

    async def script(caller):
        token = await caller.post("/oauth/token", data=FORM)
        return token.status, sim.stats()["faults"]

    with one_event(faults="http_500=1") as sim:
        assert calling(sim, script, log_in=False) == (200, {})
    with one_event(faults="token.http_500=1") as sim:
        assert calling(sim, script, log_in=False) == (500, {"http_500": 1})


def test_a_script_sets_the_faults_of_the_first_calls():
    """e1 answers 500, then well, then 503, then well for good; page 1 is unavailable once."""

    async def script(caller):
        details = [(await caller.details("e1")).status for _ in range(4)]
        return details, [(await caller.events()).status for _ in range(2)]

    with one_event() as sim:
        sim.script("e1", "http_500", None, "http_503")
        sim.script_page(1, "http_503")
        assert calling(sim, script) == ([500, 200, 503, 200], [503, 200])


# Determinism


def statuses_and_bodies(order: int) -> dict[str, list[tuple[int, bytes]]]:
    """Three rounds of details from a faulty server, the events called in or against order."""
    config = SimulatorConfig(seed=7, events=20, faults="http_500=0.3,http_404=0.1")

    async def script(caller):
        answers = {event_id: [] for event_id in sim.lms.events}

        async def ask(event_id: str) -> None:
            answer = await caller.details(event_id)
            answers[event_id].append((answer.status, answer.body))

        for _ in range(3):
            await asyncio.gather(*map(ask, list(answers)[::order]))
        return answers

    with Simulator(config) as sim:
        return calling(sim, script)


def test_two_servers_with_one_seed_answer_alike_in_any_order():
    """Bodies and faults of every attempt are the same, also when events are called backwards."""
    forwards, backwards = statuses_and_bodies(1), statuses_and_bodies(-1)
    assert forwards == backwards
    statuses = [status for answers in forwards.values() for status, _ in answers]
    assert {status: statuses.count(status) for status in (200, 404, 500)} == {
        200: 44,
        404: 3,
        500: 13,
    }

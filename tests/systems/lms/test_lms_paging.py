"""How the list of events is read in each paging style, and what ends it."""

import asyncio

import pytest
from scripted_lms import BASE_URL, ScriptedLms, answer, page_answer, settings

from lyceum.http.transport import Request, Response
from lyceum.systems.lms.source.client import LmsClient
from lyceum.systems.lms.source.errors import LmsPagingError
from lyceum.systems.lms.source.paging import EventsPage
from virtual_time import VirtualLoop, run_virtual


def url(page: int, size: int = 2) -> str:
    return f"/api/v1/events?page={page}&page_size={size}"


def read_pages(lms: ScriptedLms, since: str | None = None, **fields: object) -> list[EventsPage]:
    loop = VirtualLoop()

    async def main() -> list[EventsPage]:
        client = LmsClient(settings(page_size=2, **fields), lms, clock=loop.time, now=loop.now)
        return [page async for page in client.event_pages(since)]

    return run_virtual(main(), within=10_000, loop=loop)


def page(number: int, ids: list[str], *, total: int | None = 3, more: bool = False) -> Response:
    fields = {"current_page": number, "has_more_data": more}
    return page_answer(ids, **fields, **({} if total is None else {"total_count": total}))


def test_pages_are_read_to_the_last_one():
    """Three events in two pages, nothing odd."""
    lms = ScriptedLms({url(1): [page(1, ["a", "b"], more=True)], url(2): [page(2, ["c"])]})
    pages = read_pages(lms)
    assert [(p.number, p.item_count, p.findings) for p in pages] == [(1, 2, ()), (2, 1, ())]
    assert pages[1].body == page(2, ["c"]).body.decode()


def test_an_empty_list_is_one_empty_page():
    """No events, and no complaint."""
    pages = read_pages(ScriptedLms({url(1): [page(1, [], total=0)]}))
    assert [(p.item_count, p.findings) for p in pages] == [(0, ())]


def test_since_is_sent_quoted():
    """As the parameter of the settings."""
    path = url(1) + "&updated_since=2026-01-01T00%3A00%3A00%2B00%3A00"
    lms = ScriptedLms({path: [page(1, ["a"], total=1)]})
    assert len(read_pages(lms, since="2026-01-01T00:00:00+00:00")) == 1


def test_later_pages_are_read_ahead_and_come_in_order():
    """Ten pages of a second each take two seconds, not ten."""
    loop_times: list[float] = []

    def slow(number: int):
        async def send(_: Request) -> Response:
            await asyncio.sleep(1.0)
            loop_times.append(asyncio.get_running_loop().time())
            return page(number, [f"{number}a", f"{number}b"], total=18, more=number < 9)

        return send

    pages = read_pages(ScriptedLms({url(n): [slow(n)] for n in range(1, 10)}))
    assert [p.number for p in pages] == list(range(1, 10))
    assert max(loop_times) < 2.1


def test_an_absent_total_is_a_finding():
    """The pages themselves say where the end is."""
    lms = ScriptedLms(
        {url(1): [page(1, ["a", "b"], total=None, more=True)], url(2): [page(2, ["c"], total=None)]}
    )
    assert [p.findings for p in read_pages(lms)] == [("page 1 has no total_count",), ()]


@pytest.mark.parametrize("total", [2, 7])
def test_a_wrong_total_is_a_finding(total):
    """Too small or too large: every page is read, none is made up."""
    lms = ScriptedLms(
        {
            url(1): [page(1, ["a", "b"], total=total, more=True)],
            url(2): [page(2, ["c"], total=total)],
            url(3): [answer({}, 404)],
            url(4): [answer({}, 404)],
        }
    )
    pages = read_pages(lms)
    assert pages[-1].findings == (f"total_count says {total}, the pages hold 3",)


def test_without_total_and_flag_an_empty_page_is_the_end():
    """The last page is asked for, and kept."""
    lms = ScriptedLms({url(1): [page_answer(["a"])], url(2): [page_answer([])]})
    assert [p.item_count for p in read_pages(lms)] == [1, 0]


def test_a_repeated_page_is_asked_for_again():
    """Page 2 comes as page 1 once, then right."""
    lms = ScriptedLms(
        {
            url(1): [page(1, ["a", "b"], more=True)],
            url(2): [page_answer(["a", "b"], total_count=3, has_more_data=True), page(2, ["c"])],
        }
    )
    pages = read_pages(lms)
    assert [p.item_count for p in pages] == [2, 1]
    assert "page 2 repeats page 1, asked 1 times" in pages[0].findings


def test_a_page_that_keeps_repeating_ends_the_load():
    """Three asks, then an error that says what was found."""
    first = page_answer(["a", "b"], total_count=6, has_more_data=True)
    with pytest.raises(
        LmsPagingError,
        match="expected page 2 of the events to follow the 2 events before it, found one that"
        " repeats page 1, 3 times: the list ends there",
    ):
        read_pages(ScriptedLms({url(n): [first] for n in (1, 2, 3)}))


def test_a_list_that_never_ends_is_left_when_all_is_there():
    """The last page says that more follow, again and again; the total says that all is read."""
    last = page_answer(["c"], total_count=3, has_more_data=True)
    lms = ScriptedLms({url(1): [page(1, ["a", "b"], more=True)], url(2): [last], url(3): [last]})
    assert [p.item_count for p in read_pages(lms)] == [2, 1]


def test_another_page_than_the_one_asked_for_ends_the_load():
    """`current_page` says 7."""
    lms = ScriptedLms({url(1): [page(7, ["a"], total=9, more=True)]})
    with pytest.raises(LmsPagingError, match="found one that says that it is page 7, 3 times"):
        read_pages(lms)


def test_an_empty_page_that_promises_more_ends_the_load():
    """Half of the events are there."""
    lms = ScriptedLms(
        {
            url(1): [page(1, ["a", "b"], total=4, more=True)],
            url(2): [page(2, [], total=4, more=True)],
        }
    )
    with pytest.raises(LmsPagingError, match="found one that is empty but says that more follow"):
        read_pages(lms)


def test_the_number_of_pages_is_bounded():
    """A list that goes on for ever is left after `max_pages`."""
    numbers = range(1, 20)
    lms = ScriptedLms({url(n): [page(n, [f"e{n}"], total=None, more=True)] for n in numbers})
    with pytest.raises(LmsPagingError, match="expected at most 10 pages of events, found more"):
        read_pages(lms, max_pages=10)


def test_a_page_that_cannot_be_had_names_the_fault():
    """A 403: the kind is the fault's own."""
    with pytest.raises(LmsPagingError, match="page 1 of the events cannot be had: GET") as caught:
        read_pages(ScriptedLms({url(1): [answer({}, 403)]}))
    assert caught.value.kind == "http_403"


def test_events_at_another_place_are_asked_for_by_name():
    """The message says which setting to change."""
    with pytest.raises(LmsPagingError, match=r"list of events in `data` .* set LMS_EVENTS_FIELD"):
        read_pages(ScriptedLms({url(1): [answer({"items": []})]}))


def test_fields_may_lie_deeper():
    """Dotted paths for the list and its total."""
    body = answer({"r": {"list": [{"k": {"id": 1}}], "meta": {"n": 1}}})
    pages = read_pages(
        ScriptedLms({url(1): [body]}),
        events_field="r.list",
        event_id_field="k.id",
        total_field="r.meta.n",
    )
    assert [(p.item_count, p.findings) for p in pages] == [(1, ())]


def test_offsets_follow_the_pages_as_they_come():
    """The server gives one event less than asked for on the first page."""
    path = "/api/v1/events?offset={}&page_size=2"
    lms = ScriptedLms(
        {
            path.format(0): [page_answer(["a"], total_count=4)],
            path.format(1): [page_answer(["b", "c"], total_count=4)],
            path.format(2): [page_answer(["c", "d"], total_count=4)],
            path.format(3): [page_answer(["d"], total_count=4)],
        }
    )
    pages = read_pages(lms, paging="offset")
    assert [(p.number, p.item_count) for p in pages] == [(1, 1), (2, 2), (3, 1)]


def test_next_links_are_followed():
    """Relative and absolute ones, to the page without one."""
    lms = ScriptedLms(
        {
            "/api/v1/events?page_size=2": [page_answer(["a"], next="/more?c=2", total_count=3)],
            "/more?c=2": [page_answer(["b"], next=f"{BASE_URL}/more?c=3", total_count=3)],
            "/more?c=3": [page_answer(["c"], next=None, total_count=3)],
        }
    )
    assert [p.number for p in read_pages(lms, paging="next_link")] == [1, 2, 3]


def test_a_next_link_to_a_page_before_ends_the_load():
    """A loop."""
    lms = ScriptedLms(
        {
            "/api/v1/events?page_size=2": [page_answer(["a"], next="/more")],
            "/more": [page_answer(["b"], next="/api/v1/events?page_size=2")],
        }
    )
    with pytest.raises(LmsPagingError, match="found one that links back to a page before"):
        read_pages(lms, paging="next_link")


def test_a_next_link_to_another_host_is_refused():
    """The token would go with it."""
    first = page_answer(["a"], next="https://other.test/events")
    lms = ScriptedLms({"/api/v1/events?page_size=2": [first]})
    with pytest.raises(LmsPagingError, match=r"found a link to https://other\.test:443: refused"):
        read_pages(lms, paging="next_link")

"""The list of events, page after page, to its end and never in circles."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from lyceum.systems.lms.settings import LmsSettings
from lyceum.systems.lms.source.errors import LmsPagingError
from lyceum.systems.lms.source.pages import Page, PageReader, Place

logger = logging.getLogger(__name__)

# How many pages may be under way beyond the one that is waited for.
READ_AHEAD = 8


@dataclass(frozen=True, slots=True)
class EventsPage:
    """One page as sent; `findings` says what was odd about it without stopping the load."""

    number: int
    body: str = field(repr=False)
    fetched_at: datetime
    item_count: int
    findings: tuple[str, ...] = ()


class Pager:
    """One walk through the list; what was odd on the way goes with the pages as findings."""

    def __init__(self, settings: LmsSettings, reader: PageReader) -> None:
        self._settings = settings
        self._reader = reader
        self._ahead = ReadAhead(reader)
        self._seen: dict[bytes, int] = {}
        self._urls: set[int | str] = set()
        self._items = 0
        self._total: int | None = None
        self._lacks_total = False
        self._findings: list[str] = []

    async def pages(self) -> AsyncIterator[EventsPage]:
        """Every page; raises LmsPagingError where the list cannot be read to its end."""
        held: Page | None = None
        place: Place | None = self._reader.first_place()
        try:
            while place is not None and (page := await self._sound_page(place)) is not None:
                if held is not None:
                    yield self._events_page(held)
                self._note(page)
                held, place = page, self._next_place(page)
        finally:
            self._ahead.cancel()
        self._check_total()
        if held is not None:
            yield self._events_page(held)

    def _events_page(self, page: Page) -> EventsPage:
        findings, self._findings = tuple(self._findings), []
        for finding in findings:
            logger.info("events list: %s", finding)
        return EventsPage(page.number, page.body, page.fetched_at, page.item_count, findings)

    async def _sound_page(self, place: Place) -> Page | None:
        """The page, asked for again while it is odd; None if odd but nothing is missing."""
        if place.ordinal > self._settings.max_pages:
            message = f"expected at most {self._settings.max_pages} pages of events, found more"
            raise LmsPagingError(f"{message}: raise LMS_MAX_PAGES if that is right")
        page = await self._ahead.take(place)
        for asked in range(1, self._settings.page_asks + 1):
            oddity = self._oddity(page)
            if oddity is None:
                return page
            self._findings.append(f"page {page.number} {oddity}, asked {asked} times")
            if asked < self._settings.page_asks:
                page = await self._reader.read(place)
        if self._total is not None and self._items >= self._total:
            return None
        message = (
            f"expected page {page.number} of the events to follow the {self._items} events before"
            f" it, found one that {oddity}, {self._settings.page_asks} times: the list ends there"
        )
        raise LmsPagingError(message)

    def _oddity(self, page: Page) -> str | None:
        """Why this cannot be the page that was asked for, if so."""
        if page.item_count and page.fingerprint in self._seen:
            return f"repeats page {self._seen[page.fingerprint]}"
        if page.next_url is not None and (
            page.next_url in self._urls or page.next_url == page.place.at
        ):
            return "links back to a page before"
        if self._settings.paging == "page" and page.current_page not in (None, page.number):
            return f"says that it is page {str(page.current_page)[:20]}"
        if page.item_count == 0 and page.has_more:
            return "is empty but says that more follow"
        return None

    def _note(self, page: Page) -> None:
        self._seen[page.fingerprint] = page.number
        self._urls.add(page.place.at)
        self._items += page.item_count
        if page.total is None and not self._lacks_total:
            self._lacks_total = True
            self._findings.append(f"page {page.number} has no {self._settings.total_field}")
        if page.total is not None and self._total not in (None, page.total):
            change = f"from {self._total} to {page.total}"
            self._findings.append(f"{self._settings.total_field} changed {change}")
        self._total = self._total if page.total is None else page.total

    def _next_place(self, page: Page) -> Place | None:
        place = self._reader.next_place(page) if self._has_more(page) else None
        if place is not None and self._settings.paging != "next_link":
            self._ahead.plan(page, self._total)
        return place

    def _has_more(self, page: Page) -> bool:
        """What the page says, or what the total or the page's own items let expect."""
        if self._settings.paging == "next_link":
            return page.next_url is not None
        if page.has_more is not None:
            return page.has_more
        return page.item_count > 0 and (self._total is None or self._items < self._total)

    def _check_total(self) -> None:
        if self._total is not None and self._total != self._items:
            name = self._settings.total_field
            self._findings.append(f"{name} says {self._total}, the pages hold {self._items}")


class ReadAhead:
    """Pages under way before they are needed, where the total tells that they exist."""

    def __init__(self, reader: PageReader) -> None:
        self._reader = reader
        self._tasks: dict[Place, asyncio.Task[Page]] = {}
        self._page_length = 0
        self._planned = 0

    def plan(self, page: Page, total: int | None) -> None:
        """Start what should follow this page; the first page's length is that of all."""
        self._page_length = self._page_length or page.item_count
        if total is None or not self._page_length:
            return
        last = min(-(-total // self._page_length), page.place.ordinal + READ_AHEAD)
        for ordinal in range(max(self._planned, page.place.ordinal) + 1, last + 1):
            place = self._reader.place_at(ordinal, self._page_length)
            self._tasks[place] = asyncio.create_task(self._reader.read(place))
            self._planned = ordinal

    async def take(self, place: Place) -> Page:
        """The page at that place, under way or not."""
        task = self._tasks.pop(place, None)
        if task is not None:
            return await task
        self.cancel()
        return await self._reader.read(place)

    def cancel(self) -> None:
        """Drop what is under way: the list is not where it was expected, or at its end."""
        for task in self._tasks.values():
            task.add_done_callback(_look_at)
            task.cancel()
        self._tasks.clear()


def _look_at(task: asyncio.Task[Page]) -> None:
    # asyncio complains about an exception that nobody has looked at.
    if not task.cancelled():
        task.exception()

"""One page of the events list: where it is, how it is asked for, what it says about the rest."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urljoin

from lyceum.http.body import field_at
from lyceum.http.calls import Caller, Tally, is_same_origin, origin
from lyceum.http.retry import HttpCallError
from lyceum.systems.lms.settings import LmsSettings
from lyceum.systems.lms.source.errors import LmsPagingError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is: its ordinal from 1, and the number, offset or URL that asks for it."""

    ordinal: int
    at: int | str


@dataclass(frozen=True, slots=True)
class Page:
    """A page as sent, and what paging has to know about it."""

    place: Place
    number: int
    body: str = field(repr=False)
    fetched_at: datetime
    item_count: int
    total: int | None
    has_more: bool | None
    current_page: object
    next_url: str | None
    fingerprint: bytes


class PageReader:
    """Asks for pages in the paging style of the settings: page number, offset or next link."""

    def __init__(
        self,
        settings: LmsSettings,
        caller: Caller,
        *,
        now: Callable[[], datetime],
        since: str | None,
    ) -> None:
        self._settings = settings
        self._caller = caller
        self._now = now
        self._since = since

    def first_place(self) -> Place:
        """Where the list begins."""
        match self._settings.paging:
            case "page":
                return Place(1, self._settings.first_page)
            case "offset":
                return Place(1, 0)
            case "next_link":
                return Place(1, self._list_url({}))

    def place_at(self, ordinal: int, page_length: int) -> Place:
        """Where the page of that ordinal is, if those before it are all of that length."""
        if self._settings.paging == "page":
            return Place(ordinal, self._settings.first_page + ordinal - 1)
        return Place(ordinal, (ordinal - 1) * page_length)

    def next_place(self, page: Page) -> Place | None:
        """Where the page after this one is, if the style can tell."""
        ordinal, at = page.place.ordinal + 1, page.place.at
        if isinstance(at, str):
            return Place(ordinal, page.next_url) if page.next_url else None
        return Place(ordinal, at + (1 if self._settings.paging == "page" else page.item_count))

    async def read(self, place: Place) -> Page:
        """The page at that place; raises LmsPagingError when there is none that can be read."""
        url = self._url(place)
        try:
            answer = await self._caller.get(url, Tally())
        except HttpCallError as fault:
            message = f"page {place.ordinal} of the events cannot be had: {fault.message}"
            raise LmsPagingError(message, kind=fault.kind) from None
        return self._page(place, url, answer.text, answer.document)

    def _page(self, place: Place, url: str, body: str, document: dict[str, Any]) -> Page:
        settings = self._settings
        items = field_at(document, settings.events_field)
        if not isinstance(items, list):
            message = (
                f"expected a list of events in `{settings.events_field}` of page {place.ordinal},"
                f" found {type(items).__name__}: set LMS_EVENTS_FIELD to where they are"
            )
            raise LmsPagingError(message)
        total = field_at(document, settings.total_field)
        has_more = field_at(document, settings.has_more_field)
        return Page(
            place=place,
            number=place.ordinal if settings.paging != "page" else int(place.at),
            body=body,
            fetched_at=self._now(),
            item_count=len(items),
            total=total if type(total) is int and total >= 0 else None,
            has_more=has_more if isinstance(has_more, bool) else None,
            current_page=field_at(document, settings.current_page_field),
            next_url=self._next_url(url, field_at(document, settings.next_link_field)),
            fingerprint=_fingerprint(items, settings.event_id_field, body),
        )

    def _url(self, place: Place) -> str:
        match self._settings.paging:
            case "page":
                return self._list_url({self._settings.page_param: place.at})
            case "offset":
                return self._list_url({self._settings.offset_param: place.at})
            case "next_link":
                return str(place.at)

    def _list_url(self, position: dict[str, int | str]) -> str:
        params = position | {self._settings.page_size_param: self._settings.page_size}
        if self._since is not None:
            params[self._settings.since_param] = self._since
        return (
            f"{self._settings.base_url.rstrip('/')}{self._settings.events_path}?{urlencode(params)}"
        )

    def _next_url(self, url: str, link: object) -> str | None:
        if self._settings.paging != "next_link" or not isinstance(link, str) or not link:
            return None
        target = urljoin(url, link)
        if not is_same_origin(url, target):
            message = (
                f"expected the next page at {origin(url)}, found a link to {origin(target)}:"
                " refused, the token is for the first only"
            )
            raise LmsPagingError(message, kind="link_refused")
        return target


def _fingerprint(items: list[Any], id_field: str, body: str) -> bytes:
    """The same for two pages with the same event ids; by the body where events have none."""
    ids = [field_at(item, id_field) for item in items]
    text = json.dumps(ids) if any(i is not None for i in ids) else body
    return hashlib.blake2b(text.encode(), digest_size=16).digest()

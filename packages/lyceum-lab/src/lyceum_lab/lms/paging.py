"""The events list: its pages, and the ways in which they can mislead."""

from dataclasses import dataclass
from datetime import datetime

from lyceum_lab.lms.faults import Fault
from lyceum_lab.lms.model import Json, Lms, Page, utc


class PageQueryError(ValueError):
    """The query of an events call cannot be read."""


@dataclass(frozen=True)
class PageQuery:
    """Which page of the events list is asked for."""

    number: int = 1
    size: int = 100
    updated_since: datetime | None = None

    @classmethod
    def parse(cls, query: dict[str, str]) -> "PageQuery":
        """From `page`, `page_size` and `updated_since`; raises PageQueryError."""
        since = query.get("updated_since")
        try:
            number, size = int(query.get("page", 1)), int(query.get("page_size", 100))
            updated_since = utc(since) if since else None
        except ValueError as error:
            raise PageQueryError(str(error)) from error
        if number < 1 or size < 1:
            raise PageQueryError("page and page_size count from 1")
        return cls(number, size, updated_since)


def page_payload(lms: Lms, query: PageQuery, fault: Fault | None = None) -> Json:
    """The answer to an events call, misleading in the way of a paging fault."""
    page = lms.page(query.number, query.size, query.updated_since)
    if fault is Fault.REPEATED_PAGE and page.number > 1:
        page = lms.page(page.number - 1, query.size, query.updated_since)
    if fault is Fault.PAGE_LOOP:
        return _looping(lms, query, page)
    payload = _payload(page)
    if fault is Fault.WRONG_TOTAL:
        payload["total_count"] = page.total + 7
    if fault is Fault.ABSENT_TOTAL:
        del payload["total_count"]
    if fault is Fault.EMPTY_PAGE_HAS_MORE:
        payload |= {"data": [], "has_more_data": True}
    return payload


def _looping(lms: Lms, query: PageQuery, page: Page) -> Json:
    """After the last page comes the first, under the number that was asked for."""
    again = (page.number - 1) % page.last_number + 1
    content = lms.page(again, query.size, query.updated_since)
    return _payload(content) | {"current_page": page.number, "has_more_data": True}


def _payload(page: Page) -> Json:
    return {
        "data": page.events,
        "current_page": page.number,
        "page_size": page.size,
        "total_count": page.total,
        "has_more_data": page.has_more,
    }

"""Fetch from the LMS into a load's folder: one event loop, one client, calls at full rate."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar

from lyceum.http.errors import CircuitError
from lyceum.http.transport import AiohttpTransport
from lyceum.systems.lms.settings import LmsSettings
from lyceum.systems.lms.source.client import Fetched, LmsClient
from lyceum.systems.lms.source.landing import PAGES, LoadFolder, RowsAside
from lyceum.systems.lms.source.paging import EventsPage

T = TypeVar("T")

CHUNK_BYTES = 32 * 1024 * 1024
CHUNK_SECONDS = 30.0
"""A chunk is kept after so long even if it is small, so that a kill loses little."""


def with_lms(settings: LmsSettings, use: Callable[[LmsClient], Awaitable[T]]) -> T:
    """The result of using the LMS over the network; Ctrl-C cancels the use."""

    async def main() -> T:
        async with AiohttpTransport(settings) as transport:
            return await use(LmsClient(settings, transport))

    return _run(main())


async def fetch_pages(client: LmsClient, folder: LoadFolder, *, since: str | None) -> None:
    """Keep the pages of the events list; raises ServerError where it cannot be read to its end."""
    aside = RowsAside()
    async for page in client.event_pages(since):
        aside.add(page_row(folder.load.id, page))
    await asyncio.to_thread(folder.keep, PAGES, aside)


async def fetch_answers(
    client: LmsClient,
    folder: LoadFolder,
    *,
    chunk_events: int,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Keep the answer of every event that the folder has none of.

    Raises ServerError if the LMS as a whole answers no more. However it ends, what was answered is
    kept; an event that was not called for that reason has no answer.
    """
    outage: str | None = None

    def event_ids() -> Iterator[str]:
        for event_id in folder.pending():
            if outage is not None:
                return
            yield event_id

    async with (
        _Chunks(folder, chunk_events) as chunks,
        aclosing(client.session_details(event_ids())) as stream,
    ):
        async for fetched in stream:
            if fetched.error_kind == CircuitError.kind:
                outage = outage or fetched.error_message or ""
                continue
            await chunks.add(fetched)
            advance()
    if outage is not None:
        raise CircuitError(outage)


class _Chunks:
    """Answers gathered into files: the next one fills while the last one is copied."""

    def __init__(self, folder: LoadFolder, most_events: int) -> None:
        self._folder = folder
        self._most_events = most_events
        self._copying: asyncio.Task[None] | None = None
        self._begin()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._keep()
        await self._copied()

    async def add(self, fetched: Fetched) -> None:
        """Keep one answer with those before it."""
        aside = self._aside
        aside.add(answer_row(self._folder.load.id, fetched))
        is_large = aside.rows >= self._most_events or aside.size >= CHUNK_BYTES
        if is_large or self._now() - self._began >= CHUNK_SECONDS:
            await self._keep()

    async def _keep(self) -> None:
        """Start to copy the rows gathered so far, after the file before them."""
        await self._copied()
        if self._aside.rows:
            copy = asyncio.to_thread(self._folder.keep_chunk, self._aside)
            self._copying = asyncio.create_task(copy)
            self._begin()

    async def _copied(self) -> None:
        if self._copying is not None:
            # A copy ends also where the load is cancelled: only then may the next one begin.
            await asyncio.shield(self._copying)
            self._copying = None

    def _begin(self) -> None:
        self._aside, self._began = RowsAside(), self._now()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def page_row(load_id: str, page: EventsPage) -> dict[str, object]:
    """A page as the row that is kept."""
    return {
        "load_id": load_id,
        "page": page.number,
        "body": page.body,
        "fetched_at": page.fetched_at,
        "item_count": page.item_count,
        "findings": "; ".join(page.findings) or None,
    }


def answer_row(load_id: str, fetched: Fetched) -> dict[str, object]:
    """An answer as the row that is kept."""
    return {
        "load_id": load_id,
        "event_id": fetched.event_id,
        "http_status": fetched.status,
        "body": fetched.body,
        "fetched_at": fetched.fetched_at,
        "attempts": fetched.attempts,
        "error_kind": fetched.error_kind,
        "error_message": fetched.error_message,
    }


def _run(main: Coroutine[object, object, T]) -> T:
    """The result of `main`; beside the event loop of a notebook it gets a thread with its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, main).result()

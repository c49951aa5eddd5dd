"""The LMS API: the pages of events, and the session details of many events at once."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from lyceum.http.calls import Caller, Tally
from lyceum.http.retry import HttpCallError
from lyceum.http.transport import Transport
from lyceum.systems.lms.settings import LmsSettings
from lyceum.systems.lms.source.pages import PageReader
from lyceum.systems.lms.source.paging import EventsPage, Pager

WAITING_OUTCOMES = 16


@dataclass(frozen=True, slots=True)
class Fetched:
    """The outcome of one event: a body that is a JSON object, or the kind of error.

    A body that is JSON but cannot be kept exactly stays beside its `error_kind`.
    """

    event_id: str
    status: int | None
    body: str | None = field(repr=False)
    fetched_at: datetime
    attempts: int
    error_kind: str | None = None
    error_message: str | None = None


def utc_now() -> datetime:
    """The time of day, UTC."""
    return datetime.now(UTC)


class LmsClient:
    """Reads one LMS through a transport; make it inside the event loop that will use it."""

    def __init__(
        self,
        settings: LmsSettings,
        transport: Transport,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._now = now
        self._caller = Caller(settings, transport, clock=clock, now=now)
        self._base_url = settings.base_url.rstrip("/")

    def event_pages(self, since: str | None = None) -> AsyncIterator[EventsPage]:
        """The pages of the events list in order; raises LmsPagingError, AuthError."""
        reader = PageReader(self._settings, self._caller, now=self._now, since=since)
        return Pager(self._settings, reader).pages()

    async def session_details(self, event_ids: Iterable[str]) -> AsyncGenerator[Fetched, None]:
        """The outcome of every event, as they arrive; raises only AuthError.

        Ids are taken from the iterable as calls become free; few outcomes wait for the caller of
        this iterator, then the calls do.
        """
        outcomes: asyncio.Queue[Fetched | None] = asyncio.Queue(WAITING_OUTCOMES)
        todo = _Stoppable(event_ids)
        workers = asyncio.ensure_future(self._run_workers(todo, outcomes))
        try:
            while (outcome := await outcomes.get()) is not None:
                yield outcome
            await workers
        finally:
            workers.cancel()
            await asyncio.wait([workers])

    async def fetch(self, event_id: str) -> Fetched:
        """The outcome of one event; raises only AuthError."""
        tally = Tally()
        try:
            answer = await self._caller.get(self._details_url(event_id), tally)
        except HttpCallError as fault:
            return Fetched(
                event_id,
                fault.status,
                fault.body,
                self._now(),
                tally.sent,
                fault.kind,
                fault.message,
            )
        return Fetched(event_id, answer.status, answer.text, self._now(), tally.sent)

    async def _run_workers(
        self, todo: "_Stoppable", outcomes: "asyncio.Queue[Fetched | None]"
    ) -> None:
        """Fetch all; after a fatal error let the calls under way end, and only then raise it."""
        count = self._settings.concurrency
        workers = [asyncio.create_task(self._work(todo, outcomes)) for _ in range(count)]
        ends = await asyncio.gather(*workers, return_exceptions=True)
        await outcomes.put(None)
        for error in ends:
            if isinstance(error, BaseException):
                raise error

    async def _work(self, todo: "_Stoppable", outcomes: "asyncio.Queue[Fetched | None]") -> None:
        try:
            for event_id in todo:
                await outcomes.put(await self.fetch(event_id))
        except BaseException:
            todo.stop()
            raise

    def _details_url(self, event_id: str) -> str:
        """The URL of an event, its id quoted to the last character; raises `invalid_event_id`."""
        try:
            quoted = quote(event_id, safe="")
        except UnicodeEncodeError:
            quoted = ""
        if quoted in ("", ".", ".."):
            message = f"expected an event id that a URL can hold, found {event_id!r}: not called"
            raise HttpCallError("invalid_event_id", message)
        return self._base_url + self._settings.details_path.replace("{id}", quoted)


class _Stoppable:
    """An iterator that many workers share and that each of them can end for all."""

    def __init__(self, items: Iterable[str]) -> None:
        self._items = iter(items)
        self._is_stopped = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._is_stopped:
            raise StopIteration
        return next(self._items)

    def stop(self) -> None:
        """Give no further items."""
        self._is_stopped = True

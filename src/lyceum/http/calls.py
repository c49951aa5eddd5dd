"""One call to the server with everything around it: circuit, token, rate, redirects, retries."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

from lyceum.http.auth import TokenProvider
from lyceum.http.body import json_object
from lyceum.http.breaker import BreakerPolicy, CircuitBreaker
from lyceum.http.gate import BreakerGate
from lyceum.http.rate_limit import RateLimiter
from lyceum.http.retry import (
    HttpCallError,
    StaleTokenError,
    call_with_retries,
    retry_after_seconds,
    status_fault,
)
from lyceum.http.settings import HttpSettings
from lyceum.http.transport import Request, Response, Transport
from lyceum.runs.retry import RetryPolicy

SUCCESS = range(200, 300)
MAX_REDIRECTS = 3
# A token may be rejected while the next call waits for its turn; the last one is used even so.
MAX_RENEWALS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PAUSING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(slots=True)
class Tally:
    """What one call has cost so far."""

    sent: int = 0
    has_refreshed: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A good response: the body as sent and the object that it is."""

    status: int
    text: str
    document: dict[str, Any]


class Caller:
    """GETs from the server; everything that is sent, tokens too, passes one rate limiter."""

    def __init__(
        self,
        settings: HttpSettings,
        transport: Transport,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._now = now
        self._turnstile = asyncio.Lock()
        self._policy = RetryPolicy(
            max_retries=settings.max_retries,
            backoff_base=settings.backoff_base,
            backoff_cap=settings.backoff_cap,
            max_retry_after=settings.max_retry_after,
        )
        self._limiter = RateLimiter(settings.rate, clock=clock)
        self._auth = TokenProvider(settings, self._get_token, self._policy, clock=clock)
        self._gate = BreakerGate(CircuitBreaker(_breaker_policy(settings), clock=clock))

    async def get(self, url: str, tally: Tally) -> Answer:
        """The answer to at most 1 + `max_retries` requests; raises HttpCallError, AuthError."""
        return await call_with_retries(partial(self._attempt, url, tally), self._policy)

    async def _attempt(self, url: str, tally: Tally) -> Answer:
        answer = None
        while answer is None:
            ticket = await self._gate.admit()
            try:
                # The circuit may change while the call waits: then it queues again.
                if (token := await self._turn(ticket)) is not None:
                    answer = await self._exchange(url, token, tally)
            except HttpCallError as fault:
                self._gate.fail(ticket, fault)
                raise
            except BaseException:
                self._gate.abandon(ticket)
                raise
        self._gate.succeed(ticket)
        return answer

    async def _turn(self, ticket: int) -> str | None:
        """A token, given when the rate allows a request with it; None for an outdated ticket.

        Only the call at the head of the queue sees to token and rate: tokens are asked for once,
        and none grows old in a long queue.
        """
        asked_at = self._clock()
        async with self._turnstile:
            for _ in range(MAX_RENEWALS):
                if not self._gate.is_current(ticket):
                    return None
                token = self._auth.current or await self._auth.token(asked_at)
                await self._limiter.acquire()
                if self._auth.is_usable(token):
                    break
        return token if self._gate.is_current(ticket) else None

    async def _exchange(self, url: str, token: str, tally: Tally) -> Answer:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        for hop in range(MAX_REDIRECTS + 1):
            if tally.sent > self._policy.max_retries:
                break
            if hop:
                await self._limiter.acquire()
            tally.sent += 1
            request = Request("GET", url, headers)
            response = await self._transport.send(request)
            if response.status not in REDIRECTS:
                return self._checked(request, response, token, tally)
            url = redirect_target(request, response)
        message = f"GET {url.partition('?')[0]}: too many redirects"
        raise HttpCallError("too_many_redirects", message)

    def _checked(self, request: Request, response: Response, token: str, tally: Tally) -> Answer:
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise self._unauthorized(request, token, tally)
        self._auth.accept(token)
        if response.status not in SUCCESS:
            raise self._fault(request, response)
        text, document = json_object(response.body, call=request.call, status=response.status)
        return Answer(response.status, text, document)

    def _unauthorized(self, request: Request, token: str, tally: Tally) -> HttpCallError:
        fresh_token_may_help = self._auth.reject(token) and not tally.has_refreshed
        tally.has_refreshed = True
        kind = StaleTokenError if fresh_token_may_help else HttpCallError
        message = f"{request.call}: HTTP 401, the server does not accept the access token"
        return kind("unauthorized", message, status=HTTPStatus.UNAUTHORIZED)

    def _fault(self, request: Request, response: Response) -> HttpCallError:
        """The fault that this status is; where the server asks to wait, every call waits."""
        headers = response.headers
        retry_after = retry_after_seconds(
            headers.get("Retry-After"), now=_server_time(headers.get("Date")) or self._now()
        )
        fault = status_fault(
            request.call, response.status, retry_after=retry_after, policy=self._policy
        )
        if retry_after and fault.is_transient and response.status in PAUSING:
            self._limiter.pause(retry_after)
        return fault

    async def _get_token(self, request: Request) -> tuple[float, dict[str, Any]]:
        await self._limiter.acquire()
        sent_at = self._clock()
        response = await self._transport.send(request)
        if response.status in SUCCESS:
            _, document = json_object(response.body, call=request.call, status=response.status)
            return sent_at, document
        fault = self._fault(request, response)
        fault.body = response.body[:2000].decode(errors="replace")
        raise fault


def redirect_target(request: Request, response: Response) -> str:
    """Where a redirect leads, if to the same scheme, host and port; raises `redirect_refused`."""
    target = urljoin(request.url, response.headers.get("Location", ""))
    if not is_same_origin(request.url, target):
        message = (
            f"{request.call}: redirect to {origin(target)} refused, the token is for"
            f" {origin(request.url)} only"
        )
        raise HttpCallError("redirect_refused", message, status=response.status)
    return target


def is_same_origin(url: str, other: str) -> bool:
    """True when scheme, host and port agree, and `other` names no user."""
    return origin(url) == origin(other) and "@" not in urlsplit(other).netloc


def origin(url: str) -> str:
    """Scheme, host and port of a URL.

    >>> origin("https://Lms.example.com/events?page=2")
    'https://lms.example.com:443'
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "an invalid URL"
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _server_time(date: str | None) -> datetime | None:
    """The server's own clock, by which it wrote the HTTP date; None when it does not say."""
    try:
        moment = parsedate_to_datetime(date) if date else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _breaker_policy(settings: HttpSettings) -> BreakerPolicy:
    return BreakerPolicy(
        window=settings.breaker_window,
        threshold=settings.breaker_threshold,
        reset=settings.breaker_reset,
        max_probes=settings.breaker_max_probes,
    )

"""How a request leaves the process: one HTTP exchange, no redirect followed, nothing retried."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from yarl import URL

from lyceum.http.retry import HttpCallError
from lyceum.http.settings import HttpSettings


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; the URL is already quoted, the headers may hold a token."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def call(self) -> str:
        """Method and URL without the query, for messages."""
        return f"{self.method} {self.url.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Response:
    """One complete HTTP response of any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Transport(Protocol):
    """Sends one request, gives its complete response; raises HttpCallError if there is none."""

    async def send(self, request: Request) -> Response:
        """One exchange, without retries and redirects."""


class AiohttpTransport:
    """The real network: pooled connections, verified TLS, time-outs, bounded bodies."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings

    async def __aenter__(self) -> Self:
        settings = self._settings
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=settings.connect_timeout,
                sock_read=settings.read_timeout,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp sends a GET twice when a pooled connection breaks: calls that nobody counted.
        self._session._retry_connection = False  # noqa: SLF001
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def send(self, request: Request) -> Response:
        """One exchange; raises HttpCallError timeout, connection, truncated, tls or too_large."""
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as response:
                body = await self._read(request, response)
                return Response(response.status, response.headers, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _network_fault(request, error) from None

    async def _read(self, request: Request, response: aiohttp.ClientResponse) -> bytes:
        """The body, unless it is larger than allowed, also after decompression."""
        chunks: list[bytes] = []
        room = self._settings.max_body_bytes
        stream = response.content
        # Looked at after each chunk, for which `sock_read` is the limit: a timer costs far more.
        deadline = time.monotonic() + self._settings.total_timeout
        while chunk := await stream.readany():
            room -= len(chunk)
            if room < 0:
                message = f"{request.call}: body larger than {self._settings.max_body_bytes} bytes"
                raise HttpCallError("too_large", message, status=response.status)
            if time.monotonic() > deadline:
                raise TimeoutError
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _network_fault(request: Request, error: Exception) -> HttpCallError:
    """The fault by the kind of error; its text is left out where it could quote headers."""
    if isinstance(error, TimeoutError):
        return HttpCallError("timeout", f"{request.call}: no answer in time")
    if isinstance(error, aiohttp.ClientPayloadError):
        return HttpCallError("truncated", f"{request.call}: the body broke off before its end")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return HttpCallError("tls", f"{request.call}: the server's certificate cannot be verified")
    if isinstance(error, aiohttp.InvalidURL):
        return HttpCallError("invalid_url", f"{request.call}: not a URL that can be called")
    return HttpCallError(
        "connection", f"{request.call}: connection failed ({type(error).__name__})"
    )

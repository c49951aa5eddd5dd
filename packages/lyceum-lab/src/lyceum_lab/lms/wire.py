"""How each fault looks on the wire."""

import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from math import ceil

from aiohttp import web

from lyceum_lab.lms.faults import Fault
from lyceum_lab.lms.model import Json

ELSEWHERE = "/_elsewhere"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Exchange:
    """One call, the good answer it would have got, and the settings of the faults."""

    request: web.BaseRequest
    body: bytes
    retry_after_seconds: int


FaultAnswer = Callable[[Exchange], Awaitable[web.StreamResponse]]


def json_bytes(payload: object) -> bytes:
    """Compact JSON in UTF-8."""
    return _encode(payload).encode()


def json_answer(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON response."""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def error_answer(
    status: int, error: str, *, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON error as an LMS words it."""
    payload: Json = {"error": error, "status": status}
    return json_answer(json_bytes(payload), status=status, headers=headers)


def unauthorized(error: str) -> web.Response:
    """401 with its challenge."""
    return error_answer(401, error, headers={"WWW-Authenticate": f'Bearer error="{error}"'})


def _error(status: int, error: str) -> FaultAnswer:
    async def answer(_exchange: Exchange) -> web.StreamResponse:
        return error_answer(status, error)

    return answer


async def _too_many_seconds(exchange: Exchange) -> web.StreamResponse:
    headers = {"Retry-After": str(exchange.retry_after_seconds)}
    return error_answer(429, "too_many_requests", headers=headers)


async def _too_many_date(exchange: Exchange) -> web.StreamResponse:
    # A date has whole seconds: rounded up, so that the wait is never shorter than set.
    moment = ceil(time.time() + exchange.retry_after_seconds)
    headers = {"Retry-After": formatdate(moment, usegmt=True)}
    return error_answer(429, "too_many_requests", headers=headers)


async def _connection_reset(exchange: Exchange) -> web.StreamResponse:
    transport = exchange.request.transport
    if transport is not None:
        # Lingering for 0 seconds makes the kernel send RST instead of FIN.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()


async def _truncated_body(exchange: Exchange) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "application/json"
    response.content_length = len(exchange.body)
    response.force_close()
    await response.prepare(exchange.request)
    await response.write(exchange.body[: len(exchange.body) // 2])
    return response


async def _not_json(_exchange: Exchange) -> web.StreamResponse:
    return json_answer(b"<!doctype html><title>Down for maintenance</title>")


async def _expired_token(_exchange: Exchange) -> web.StreamResponse:
    return unauthorized("invalid_token")


async def _redirect_other_host(exchange: Exchange) -> web.StreamResponse:
    """To this server under another name, so that a client that follows is found out."""
    host, _, port = exchange.request.host.partition(":")
    other = "localhost" if host == "127.0.0.1" else "127.0.0.1"
    return error_answer(302, "moved", headers={"Location": f"http://{other}:{port}{ELSEWHERE}"})


FAULT_ANSWERS: dict[Fault, FaultAnswer] = {
    Fault.HTTP_404: _error(404, "not_found"),
    Fault.HTTP_403: _error(403, "forbidden"),
    Fault.HTTP_408: _error(408, "request_timeout"),
    Fault.HTTP_425: _error(425, "too_early"),
    Fault.HTTP_429_SECONDS: _too_many_seconds,
    Fault.HTTP_429_DATE: _too_many_date,
    Fault.HTTP_500: _error(500, "internal_server_error"),
    Fault.HTTP_503: _error(503, "service_unavailable"),
    Fault.CONNECTION_RESET: _connection_reset,
    Fault.TRUNCATED_BODY: _truncated_body,
    Fault.NOT_JSON: _not_json,
    Fault.EXPIRED_TOKEN: _expired_token,
    Fault.REDIRECT_OTHER_HOST: _redirect_other_host,
}

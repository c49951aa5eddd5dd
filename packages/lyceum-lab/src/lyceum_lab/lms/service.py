"""The API of the simulated LMS: from a request to its answer."""

import asyncio
import re
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from lyceum_lab.lms.accounting import Ledger, RateLimit
from lyceum_lab.lms.config import SimulatorConfig
from lyceum_lab.lms.faults import PAGING, Fault, Scope
from lyceum_lab.lms.model import Lms
from lyceum_lab.lms.paging import PageQuery, PageQueryError, page_payload
from lyceum_lab.lms.tokens import Tokens
from lyceum_lab.lms.wire import (
    ELSEWHERE,
    FAULT_ANSWERS,
    Exchange,
    error_answer,
    json_answer,
    json_bytes,
    unauthorized,
)

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a URL path
EVENTS_PATH = "/api/v1/events"
DETAILS_PATH = re.compile(rf"{EVENTS_PATH}/([^/]+)/session-details")


@dataclass(frozen=True)
class Call:
    """One API call: the fault plan and the ledger know it by scope and key."""

    scope: Scope
    key: str
    page: PageQuery | None = None


class Service:
    """Answers every request from a model, a fault plan and a ledger."""

    def __init__(self, config: SimulatorConfig, lms: Lms | None = None) -> None:
        self.config = config
        self.lms = config.content() if lms is None else lms
        self.plan = config.fault_plan()
        self.tokens = Tokens(config.client_id, config.client_secret, config.token_ttl)
        self.ledger = Ledger()
        self._limit = RateLimit(config.rate_limit)
        self._routes = {
            ("POST", TOKEN_PATH): self._token,
            ("GET", "/_stats"): self._stats,
            ("POST", "/_stats/reset"): self._reset,
            ("GET", ELSEWHERE): self._elsewhere,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request of whatever kind."""
        path, _, query = request.raw_path.partition("?")
        if path.startswith("/api/"):
            return await self._api(request, path, query)
        route = self._routes.get((request.method, path))
        return error_answer(404, "not_found") if route is None else await route(request)

    def reset(self) -> None:
        """Forget all counts: attempts start again from 1, with the same faults as before."""
        self.ledger = Ledger()

    async def _api(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        now = time.monotonic()
        self.ledger.arrivals.append(now - self.ledger.started)
        try:
            call = _call(request.method, path, query)
        except PageQueryError as error:
            return self._sent(error_answer(400, str(error)))
        self._count(call)
        if not self._limit.accepts(now):
            return self._over_limit()
        if self.config.latency_ms:
            await asyncio.sleep(self.config.latency_ms / 1000)
        if not self.tokens.accepts(request.headers.get("Authorization", "")):
            return self._sent(unauthorized("invalid_token"))
        if call is None:
            return self._sent(error_answer(404, "not_found"))
        return await self._answer(request, call)

    def _over_limit(self) -> web.StreamResponse:
        self.ledger.rate_limited += 1
        return self._sent(error_answer(429, "rate_limit_exceeded", headers={"Retry-After": "1"}))

    async def _answer(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        fault = await self._fault(call.scope, call.key)
        body = self._body(call, fault)
        if fault is None or fault in PAGING:
            return self._good(call, body)
        return await self._faulty(request, fault, body)

    def _good(self, call: Call, body: bytes | None) -> web.StreamResponse:
        if body is None:
            return self._sent(error_answer(404, "not_found"))
        if call.scope == "details":
            self.ledger.delivered[call.key] += 1
        return self._sent(json_answer(body))

    async def _faulty(
        self, request: web.BaseRequest, fault: Fault, body: bytes | None
    ) -> web.StreamResponse:
        exchange = Exchange(request, body or b"{}", self.config.retry_after_seconds)
        response = await FAULT_ANSWERS[fault](exchange)
        return response if fault is Fault.CONNECTION_RESET else self._sent(response)

    def _body(self, call: Call, fault: Fault | None) -> bytes | None:
        """The good answer, as the model is now; None for an unknown event."""
        if call.page is not None:
            return json_bytes(page_payload(self.lms, call.page, fault))
        detail = self.lms.details.get(call.key)
        return None if detail is None else json_bytes({"data": detail})

    async def _fault(self, scope: Scope, key: str) -> Fault | None:
        """What is wrong with this attempt; a slow one is only late, so that is waited for here."""
        fault = self.plan.fault(scope, key, self.ledger.attempt(scope, key))
        if fault is not None:
            self.ledger.faults[fault] += 1
        if fault is Fault.SLOW:
            await asyncio.sleep(self.config.slow_seconds)
            return None
        return fault

    def _count(self, call: Call | None) -> None:
        if call is not None:
            counts = self.ledger.event_calls if call.page is None else self.ledger.page_calls
            counts[call.key] += 1

    def _sent(self, response: web.StreamResponse) -> web.StreamResponse:
        self.ledger.statuses[response.status] += 1
        return response

    async def _token(self, request: web.BaseRequest) -> web.StreamResponse:
        self.ledger.token_calls += 1
        form = dict(parse_qsl(await request.text()))
        fault = await self._fault("token", "token")
        if fault is not None and fault not in PAGING:
            return await self._faulty(request, fault, b"{}")
        if not self.tokens.knows(request.headers.get("Authorization", ""), form):
            return self._sent(error_answer(401, "invalid_client"))
        if form.get("grant_type") != "client_credentials":
            return self._sent(error_answer(400, "unsupported_grant_type"))
        token = {
            "access_token": self.tokens.issue(),
            "token_type": "Bearer",
            "expires_in": int(self.config.token_ttl),
        }
        return self._sent(json_answer(json_bytes(token)))

    async def _stats(self, _request: web.BaseRequest) -> web.StreamResponse:
        return json_answer(json_bytes(self.ledger.stats()))

    async def _reset(self, _request: web.BaseRequest) -> web.StreamResponse:
        self.reset()
        return json_answer(b"{}")

    async def _elsewhere(self, _request: web.BaseRequest) -> web.StreamResponse:
        self.ledger.redirects_followed += 1
        return json_answer(b"{}")


def _call(method: str, path: str, query: str) -> Call | None:
    """The call that a path stands for, or None; raises PageQueryError."""
    if method != "GET":
        return None
    if path == EVENTS_PATH:
        page = PageQuery.parse(dict(parse_qsl(query)))
        return Call("events", str(page.number), page)
    details = DETAILS_PATH.fullmatch(path)
    return Call("details", unquote(details[1])) if details else None

"""Calls to the simulated LMS that show what came over the wire."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from lyceum_lab.lms import Lms, Simulator, SimulatorConfig

FORM = {
    "grant_type": "client_credentials",
    "client_id": "lyceum",
    "client_secret": "lyceum-secret",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """A client that neither retries nor follows: it reports what came over the wire."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session, self.headers = url, session, {}

    async def log_in(self) -> None:
        answer = await self.post("/oauth/token", data=FORM)
        self.headers = {"Authorization": f"Bearer {answer.json['access_token']}"}

    async def get(self, path: str) -> Answer:
        url = URL(self.url + path, encoded=True)
        async with self.session.get(url, headers=self.headers, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await response.read())

    async def post(self, path: str, **options: Any) -> Answer:
        async with self.session.post(self.url + path, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def details(self, event_id: str) -> Answer:
        return await self.get(f"/api/v1/events/{quote(event_id, safe='')}/session-details")

    async def events(self, page: int = 1, size: int = 100, more: str = "") -> Answer:
        return await self.get(f"/api/v1/events?page={page}&page_size={size}{more}")


def calling(
    sim: Simulator | str, script: Callable[[Caller], Awaitable[Any]], *, log_in: bool = True
) -> Any:
    """What a script of calls to a simulator or a URL returns, made by a fresh client."""
    url = sim if isinstance(sim, str) else sim.url

    async def run() -> Any:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            caller = Caller(url, session)
            if log_in:
                await caller.log_in()
            return await script(caller)

    return asyncio.run(run())


def one_event(**config: Any) -> Simulator:
    """A simulator with the event e1, which has the session s1."""
    lms = Lms()
    lms.put_event("e1", [{"id": "s1"}], updated_at="2026-03-01T00:00:00Z")
    return Simulator(SimulatorConfig(**config), lms=lms)


def detail_of_e1(**config: Any) -> Answer:
    with one_event(**config) as sim:
        return calling(sim, lambda caller: caller.details("e1"))


def page_of_five(page: int, **config: Any) -> Any:
    """One page of two out of the events 1 to 5."""
    lms = Lms()
    for number in range(1, 6):
        lms.put_event(str(number))
    with Simulator(SimulatorConfig(**config), lms=lms) as sim:
        payload = calling(sim, lambda caller: caller.events(page, 2)).json
    return payload | {"data": [event["id"] for event in payload["data"]]}

"""The limit: all calls of a load by aiohttp, answers read and thrown away."""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

from aiohttp import ClientSession, TCPConnector

PAGE_SIZE = 100


async def load(url: str, concurrency: int, rate: float | None) -> float:
    """Fetch every page and every event's details; returns the seconds it took."""
    began = time.perf_counter()
    async with ClientSession(url, connector=TCPConnector(limit=concurrency)) as session:
        session.headers["Authorization"] = f"Bearer {await token(session)}"
        event_ids = iter(await listed_ids(session))
        start = asyncio.get_running_loop().time()
        slots = (start + n / rate if rate else start for n in range(10**9))
        workers = (fetch_all(session, event_ids, slots) for _ in range(concurrency))
        await asyncio.gather(*workers)
    return time.perf_counter() - began


async def token(session: ClientSession) -> str:
    """A bearer token for the simulator's client."""
    form = {"client_id": "lyceum", "client_secret": "lyceum-secret"}
    form["grant_type"] = "client_credentials"
    async with session.post("/oauth/token", data=form) as answer:
        return str((await answer.json())["access_token"])


async def listed_ids(session: ClientSession) -> list[str]:
    """The ids on all pages of the events list: the first says how many there are."""
    first = await listed_page(session, 1)
    count = -(-first["total_count"] // PAGE_SIZE)
    others = await asyncio.gather(*(listed_page(session, n) for n in range(2, count + 1)))
    return [event["id"] for page in (first, *others) for event in page["data"]]


async def listed_page(session: ClientSession, number: int) -> dict[str, Any]:
    """One page of the events list."""
    query = {"page": number, "page_size": PAGE_SIZE}
    async with session.get("/api/v1/events", params=query) as answer:
        page: dict[str, Any] = await answer.json()
    return page


async def fetch_all(session: ClientSession, ids: Iterator[str], slots: Iterator[float]) -> None:
    """One of the workers that share the ids; with a rate, each call waits for its slot."""
    loop = asyncio.get_running_loop()
    for event_id in ids:
        wait = next(slots) - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        async with session.get(f"/api/v1/events/{event_id}/session-details") as answer:
            await answer.read()


def main() -> None:
    """Print the seconds as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--rate", type=float)
    given = parser.parse_args()
    seconds = asyncio.run(load(given.url, given.concurrency, given.rate))
    print(json.dumps({"api_seconds": seconds, "whole_seconds": seconds}))


if __name__ == "__main__":
    main()

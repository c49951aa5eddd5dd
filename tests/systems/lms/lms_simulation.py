"""One seeded life of an LMS and its client: a world of faults, two runs, and what must hold."""

import asyncio
import json
import logging
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from lyceum.http.errors import AuthError, ServerError
from lyceum.http.retry import HttpCallError
from lyceum.http.transport import Request, Response
from lyceum.systems.lms.settings import LmsSettings
from lyceum.systems.lms.source.client import Fetched, LmsClient
from lyceum.systems.lms.source.errors import LmsPagingError
from lyceum.systems.lms.source.fetch import fetch_answers
from lyceum.systems.lms.source.landing import Load, LoadFolder
from lyceum.systems.lms.source.paging import READ_AHEAD
from virtual_time import VirtualLoop, run_virtual

BASE_URL = "https://lms.test"
ODD_IDS = ("a/b", "what?", "it's", "#1", "50%", "ü n", "..x", "٣")
# Far above any sum of waits that the worlds below can add up to.
LONGEST_RUN = 200_000.0


@dataclass
class World:
    """What the seed decides: the client's settings and the LMS's character."""

    settings: LmsSettings
    event_ids: list[str]
    missing_ids: set[str]
    token_lifetime: float | None
    fault_rate: float
    outages: list[tuple[float, float]]
    revocations: list[float]
    refuses_client: bool
    quirk_rate: float
    wrong_total: int
    has_total: bool
    has_more_flag: bool
    is_endless: bool
    stop_after: int | None

    @property
    def is_kind(self) -> bool:
        """True if nothing at all goes wrong in it."""
        is_brief = self.token_lifetime is not None and self.token_lifetime < 1
        is_faulty = self.fault_rate or self.outages or self.revocations or self.refuses_client
        return not (is_faulty or is_brief)


def random_world(rng: random.Random) -> World:
    count = rng.choice((0, 1, 3, 8, 15, 25))
    ids = [f"e{n}" if rng.random() < 0.8 else f"{rng.choice(ODD_IDS)}{n}" for n in range(count)]
    rate = rng.choice((None, None, 0.4, 1.0, 2.5, 7.0, 30.0, 120.0))
    has_more_flag = rng.random() < 0.7
    return World(
        settings=_random_settings(rng, rate),
        event_ids=ids,
        missing_ids={i for i in ids if rng.random() < 0.05},
        token_lifetime=rng.choice((None, 0.5, 4.0, 60.0, 3600.0)),
        fault_rate=rng.choice((0.0, 0.0, 0.1, 0.3, 0.8)),
        outages=_random_outages(rng),
        revocations=sorted(rng.uniform(0, 60) for _ in range(rng.choice((0, 0, 0, 1, 3)))),
        refuses_client=rng.random() < 0.02,
        quirk_rate=rng.choice((0.0, 0.0, 0.2)),
        wrong_total=rng.choice((0, 0, 0, 2, -1)) if has_more_flag else 0,
        has_total=has_more_flag is False or rng.random() < 0.8,
        has_more_flag=has_more_flag,
        is_endless=rng.random() < 0.03,
        stop_after=rng.choice((None, None, 0, 3, 10)),
    )


def _random_settings(rng: random.Random, rate: float | None) -> LmsSettings:
    return LmsSettings(
        base_url=BASE_URL,
        client_id="client",
        client_secret=SecretStr("s3cr3t"),
        paging=rng.choice(("page", "page", "offset", "next_link")),
        page_size=rng.choice((1, 2, 4, 10)),
        concurrency=rng.choice((1, 2, 4, 8)),
        rate=rate,
        max_retries=rng.choice((0, 1, 2, 4)),
        backoff_cap=rng.choice((2.0, 30.0)),
        max_retry_after=rng.choice((5.0, 60.0)),
        token_refresh_margin=rng.choice((1.0, 60.0)),
        breaker_window=rng.choice((3, 6, 20)),
        breaker_threshold=rng.choice((0.5, 0.8, 1.0)),
        breaker_reset=rng.choice((5.0, 30.0)),
        breaker_max_probes=rng.choice((1, 3)),
    )


def _random_outages(rng: random.Random) -> list[tuple[float, float]]:
    draw = rng.random()
    if draw < 0.7:
        return []
    start = rng.uniform(0, 5)
    return [(start, math.inf if draw > 0.95 else start + rng.choice((2.0, 20.0, 300.0)))]


@dataclass
class Lms:
    """The server: answers, misbehaves as its world says, and writes down every call."""

    world: World
    rng: random.Random
    loop: VirtualLoop
    sent_at: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    good: set[str] = field(default_factory=set)
    broken_promises: list[str] = field(default_factory=list)
    token: str | None = None
    tokens: int = 0
    token_born: float = 0.0
    token_calls_open: int = 0
    may_renew: bool = True
    paused: list[tuple[float, float]] = field(default_factory=list)

    def new_run(self) -> None:
        """Forget the calls of the run before, not the tokens given."""
        self.sent_at, self.calls, self.paused, self.may_renew = [], Counter(), [], True

    async def send(self, request: Request) -> Response:
        path = urlsplit(request.url).path
        self._see(path)
        if path == "/oauth/token":
            return await self._token_call()
        await self._latency()
        if self._is_unauthorized(request):
            self.may_renew = True
            return Response(401, {}, b"{}")
        if (fault := self._fault()) is not None:
            return fault
        if path == "/api/v1/events":
            return _json(self._page(request))
        return self._details(unquote(path.split("/")[4]))

    def _see(self, path: str) -> None:
        now = self.loop.time()
        self.sent_at.append(now)
        self.calls[path] += 1
        if any(start < now < end - 1e-6 for start, end in self.paused):
            self.broken_promises.append(f"called {path} at {now} although asked to wait")

    async def _latency(self) -> None:
        await asyncio.sleep(self.rng.uniform(0.001, 0.2))

    def _is_unauthorized(self, request: Request) -> bool:
        now, born = self.loop.time(), self.token_born
        lifetime = math.inf if self.world.token_lifetime is None else self.world.token_lifetime
        is_revoked = any(born <= moment <= now for moment in self.world.revocations)
        is_expired = now > born + lifetime
        return (
            request.headers["Authorization"] != f"Bearer {self.token}" or is_revoked or is_expired
        )

    async def _token_call(self) -> Response:
        if self.token_calls_open:
            self.broken_promises.append("two token calls at once")
        self.token_calls_open += 1
        try:
            await self._latency()
            if (fault := self._fault()) is not None:
                return fault
        finally:
            self.token_calls_open -= 1
        if self.world.refuses_client:
            return Response(401, {}, b'{"error": "invalid_client"}')
        return self._new_token()

    def _new_token(self) -> Response:
        lifetime, margin = self.world.token_lifetime, self.world.settings.token_refresh_margin
        age = self.loop.time() - self.token_born
        is_due = lifetime is not None and age > lifetime - min(margin, lifetime / 2) - 1.0
        if not (self.may_renew or is_due):
            self.broken_promises.append("a new token although the old one was good")
        self.tokens += 1
        self.token, self.token_born, self.may_renew = f"t{self.tokens}", self.loop.time(), False
        expiry = {} if lifetime is None else {"expires_in": lifetime}
        return _json({"access_token": self.token, **expiry})

    def _fault(self) -> Response | None:
        now = self.loop.time()
        if any(start <= now < end for start, end in self.world.outages):
            return self._one_of(self._unavailable, self._reset)
        if self.rng.random() >= self.world.fault_rate:
            return None
        return self._one_of(
            self._unavailable, self._reset, self._timeout, self._truncated, self._not_json,
            self._not_json_at_all, self._retry_after_seconds, self._retry_after_date,
        )  # fmt: skip

    def _one_of(self, *faults: Callable[[], Response]) -> Response:
        return self.rng.choice(faults)()

    def _unavailable(self) -> Response:
        return Response(self.rng.choice((408, 425, 429, 500, 502, 503, 504)), {}, b"")

    def _reset(self) -> Response:
        raise HttpCallError("connection", "connection reset")

    def _timeout(self) -> Response:
        raise HttpCallError("timeout", "no answer in time")

    def _truncated(self) -> Response:
        raise HttpCallError("truncated", "the body broke off")

    def _not_json(self) -> Response:
        return Response(200, {}, b'{"data": {"event_id": "e')

    def _not_json_at_all(self) -> Response:
        return Response(200, {}, b"<html>maintenance</html>")

    def _retry_after_seconds(self) -> Response:
        return self._pausing(seconds := self.rng.choice((0, 1, 4, 30, 400)), str(seconds), {})

    def _retry_after_date(self) -> Response:
        # Rounded up to the whole seconds of an HTTP date, by the server's own clock.
        date = self.loop.now().replace(microsecond=0) + timedelta(seconds=1)
        seconds = self.rng.choice((0, 2, 10, 400))
        until = format_datetime(date + timedelta(seconds=seconds), usegmt=True)
        return self._pausing(seconds, until, {"Date": format_datetime(date, usegmt=True)})

    def _pausing(self, seconds: float, value: str, headers: dict[str, str]) -> Response:
        now = self.loop.time()
        if seconds <= self.world.settings.max_retry_after:
            self.paused.append((now, now + seconds))
        return Response(self.rng.choice((429, 503)), {**headers, "Retry-After": value}, b"")

    def _details(self, event_id: str) -> Response:
        if event_id in self.world.missing_ids:
            return Response(404, {}, b"{}")
        self.good.add(event_id)
        return _json({"data": {"event_id": event_id, "sessions": []}})

    def _page(self, request: Request) -> dict[str, Any]:
        settings, ids = self.world.settings, self.world.event_ids
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        size = settings.page_size
        start = (
            int(query.get("offset", 0)) if "page" not in query else (int(query["page"]) - 1) * size
        )
        if self.world.is_endless:
            start = min(start, size)
        elif start and self.rng.random() < self.world.quirk_rate:
            start = 0
        is_last = start + size >= len(ids) and not self.world.is_endless
        page: dict[str, Any] = {"data": [{"id": i} for i in ids[start : start + size]]}
        if self.world.has_total:
            page["total_count"] = max(0, len(ids) + self.world.wrong_total)
        if self.world.has_more_flag:
            page["has_more_data"] = not is_last
        if settings.paging == "page":
            page["current_page"] = start // size + 1
        if not is_last:
            page["next"] = f"/api/v1/events?offset={start + size}"
        return page


def _json(document: dict[str, Any]) -> Response:
    return Response(200, {}, json.dumps(document, ensure_ascii=False).encode())


class BrokenInvariantError(AssertionError):
    """The client did what it never may."""


def check_seed(seed: int) -> Counter[str]:
    """Live one seeded life; return what happened in it by kind, raise what must not."""
    logging.getLogger("lyceum").setLevel(logging.CRITICAL)
    rng = random.Random(seed)
    # The jitter of the backoff is drawn from the global generator.
    random.seed(seed)
    loop = VirtualLoop()
    world = random_world(rng)
    return run_virtual(_life(Lms(world, rng, loop)), within=LONGEST_RUN, loop=loop)


async def _life(lms: Lms) -> Counter[str]:
    kinds: Counter[str] = Counter()
    await _list_events(lms, kinds)
    first = await _fetch_events(lms, lms.world.event_ids, kinds, lms.world.stop_after)
    fetched = {f.event_id for f in first if f.error_kind is None}
    rest = [i for i in lms.world.event_ids if i not in fetched]
    await asyncio.sleep(lms.rng.uniform(0, 100))
    await _fetch_events(lms, rest, kinds, None)
    _check(not any(_details_path(i) in lms.calls for i in fetched), "resume called a fetched event")
    return kinds


async def _list_events(lms: Lms, kinds: Counter[str]) -> None:
    lms.new_run()
    ids: list[str] = []
    try:
        async for page in _client(lms).event_pages():
            ids += [event["id"] for event in json.loads(page.body)["data"]]
    except (LmsPagingError, AuthError) as error:
        kinds[f"list_{error.kind}"] += 1
        is_excused = not lms.world.is_kind or lms.world.quirk_rate or lms.world.is_endless
        _check(bool(is_excused), f"the list failed in a kind world: {error}")
    else:
        kinds["list_complete"] += 1
        if not lms.world.is_endless:
            _check(ids == lms.world.event_ids, f"listed {ids}, expected {lms.world.event_ids}")
    settings = lms.world.settings
    pages = len(lms.world.event_ids) // settings.page_size + 2 + READ_AHEAD
    most = pages * settings.page_asks * (1 + settings.max_retries)
    _check(lms.calls["/api/v1/events"] <= most, "more list calls than pages and retries allow")
    _check_manners(lms)


async def _fetch_events(
    lms: Lms, ids: list[str], kinds: Counter[str], stop_after: int | None
) -> list[Fetched]:
    lms.new_run()
    outcomes: list[Fetched] = []
    is_complete = False
    stream = _client(lms).session_details(iter(ids))
    try:
        async for fetched in stream:
            outcomes.append(fetched)
            if len(outcomes) == stop_after:
                break
        else:
            is_complete = True
    except AuthError:
        kinds["auth"] += 1
    await stream.aclose()
    kinds.update(fetched.error_kind or "fetched" for fetched in outcomes)
    _check_outcomes(lms, ids, outcomes, is_complete=is_complete)
    _check_manners(lms)
    return outcomes


def _check_outcomes(
    lms: Lms, ids: list[str], outcomes: list[Fetched], *, is_complete: bool
) -> None:
    reported = Counter(fetched.event_id for fetched in outcomes)
    _check(all(n == 1 for n in reported.values()), f"reported twice: {reported.most_common(1)}")
    _check(not is_complete or set(reported) == set(ids), "an event neither fetched nor reported")
    for fetched in outcomes:
        calls = lms.calls[_details_path(fetched.event_id)]
        _check(fetched.attempts == calls, f"{fetched} after {calls} calls")
        if fetched.error_kind is None:
            document = json.loads(fetched.body or "")
            _check(document["data"]["event_id"] == fetched.event_id, f"wrong body: {fetched}")
            _check(fetched.event_id in lms.good, f"fetched, but never answered: {fetched}")
        elif lms.world.is_kind:
            _check(fetched.event_id in lms.world.missing_ids, f"failed in a kind world: {fetched}")


def _check_manners(lms: Lms) -> None:
    settings = lms.world.settings
    _check(not lms.broken_promises, "; ".join(lms.broken_promises[:3]))
    for path, calls in lms.calls.items():
        is_event = path.startswith("/api/v1/events/")
        _check(not is_event or calls <= 1 + settings.max_retries, f"{calls} calls of {path}")
    if settings.rate is not None:
        _check_rate(lms.sent_at, settings.rate)


def _check_rate(sent_at: list[float], rate: float) -> None:
    """No half-open second holds more than `rate` calls, below 1/s no `1 / rate` seconds two."""
    most = max(1, math.floor(rate))
    window = 1.0 if rate >= 1 else 1 / rate
    for earlier, later in zip(sent_at, sent_at[most:], strict=False):
        _check(later - earlier >= window, f"more than {rate}/s from {earlier} to {later}")


def _client(lms: Lms) -> LmsClient:
    return LmsClient(lms.world.settings, lms, clock=lms.loop.time, now=lms.loop.now)


def _details_path(event_id: str) -> str:
    from urllib.parse import quote

    return f"/api/v1/events/{quote(event_id, safe='')}/session-details"


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise BrokenInvariantError(message)


def check_load_seed(seed: int, root: Path) -> Counter[str]:
    """A load that is broken off, whose files then suffer, and that goes on: what must hold."""
    logging.getLogger("lyceum").setLevel(logging.CRITICAL)
    rng = random.Random(seed)
    random.seed(seed)
    world = random_world(rng)
    folder = LoadFolder.new(root, Load("complete", BASE_URL))
    folder.plan(world.event_ids)
    kinds: Counter[str] = Counter()
    for is_last in (False, False, True):
        found = LoadFolder.unfinished(root)
        assert found is not None
        lms = Lms(world, rng, VirtualLoop())
        has_answer = set(found.pending()) ^ set(world.event_ids)
        within = LONGEST_RUN if is_last else rng.choice((0.3, 1.0, 5.0, LONGEST_RUN))
        kinds[_fetched_into(found, lms, within)] += 1
        _check(not any(_details_path(i) in lms.calls for i in has_answer), "called in vain")
        _check_manners(lms)
        _check_files(found, world)
        if not is_last:
            kinds[_broken(found, root / found.load.id, rng)] += 1
    return kinds


def _fetched_into(folder: LoadFolder, lms: Lms, within: float) -> str:
    """How it ended; a cancellation in time may come anywhere."""
    size = lms.rng.choice((1, 3, 100))
    try:
        run_virtual(
            fetch_answers(_client(lms), folder, chunk_events=size), within=within, loop=lms.loop
        )
    except ServerError as error:
        return error.kind
    except TimeoutError:
        return "cancelled"
    _check(folder.answered == len(lms.world.event_ids), "ended before every event had its answer")
    return "complete"


def _check_files(folder: LoadFolder, world: World) -> None:
    """Every answer is in one file, none of them is one that no call gave."""
    lines = b"".join(Path(file).read_bytes() for file in folder.answer_files()).splitlines()
    rows = [json.loads(line) for line in lines]
    reported = Counter(row["event_id"] for row in rows)
    _check(all(n == 1 for n in reported.values()), f"kept twice: {reported.most_common(1)}")
    _check(reported.keys() <= set(world.event_ids), "kept what nobody asked for")
    _check(folder.answered == len(rows), "the record and the files differ")
    for row in rows:
        _check(row["error_kind"] != "circuit_open", "an event that was not called has an answer")
        if row["error_kind"] is None:
            found = json.loads(row["body"])["data"]["event_id"]
            _check(found == row["event_id"], f"wrong body: {row}")


def _broken(folder: LoadFolder, path: Path, rng: random.Random) -> str:
    """What a kill can leave: a file or a record half copied, a file that is on no record."""
    damage = rng.choice(("none", "chunk", "record", "next record", "unrecorded"))
    if damage == "chunk" and (files := folder.answer_files()):
        content = Path(chosen := rng.choice(files)).read_bytes()
        Path(chosen).write_bytes(content[: rng.randrange(len(content))])
    elif damage in ("record", "next record"):
        record, following = path / "load.json", path / "load.next.json"
        whole = record.read_bytes()
        following.write_bytes(whole if damage == "record" else whole[: rng.randrange(len(whole))])
        record.write_bytes(whole[: rng.randrange(len(whole))] if damage == "record" else whole)
    elif damage == "unrecorded":
        (path / "chunk-00099.jsonl").write_bytes(b'{"event_id": "e0"')
    return f"broken {damage}"

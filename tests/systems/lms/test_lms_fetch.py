"""Fetching into a load's folder: every answer once, in files, whatever ends the load."""

import asyncio
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from pydantic import SecretStr
from scripted_lms import ScriptedLms, answer, page_answer, settings

from lyceum.http.errors import AuthError, CircuitError
from lyceum.http.transport import Request, Response
from lyceum.systems.lms.settings import LmsSettings
from lyceum.systems.lms.source.client import LmsClient
from lyceum.systems.lms.source.errors import LmsPagingError
from lyceum.systems.lms.source.fetch import fetch_answers, fetch_pages, with_lms
from lyceum.systems.lms.source.landing import PAGES, Load, LoadFolder
from lyceum_lab.lms import Simulator, SimulatorConfig
from virtual_time import VirtualLoop, run_virtual

LIST = "/api/v1/events?page={}&page_size=100"


def details(event_id: str) -> str:
    return f"/api/v1/events/{event_id}/session-details"


def good(event_id: str) -> Response:
    return answer({"data": {"event_id": event_id, "sessions": []}})


def scripted(ids: list[str], **others: object) -> ScriptedLms:
    return ScriptedLms({details(i): [others.get(i, good(i))] for i in ids})


def planned(root: Path, ids: list[str]) -> LoadFolder:
    folder = LoadFolder.new(root, Load("complete", "lms"))
    folder.plan(ids)
    return folder


def fetch(
    lms: ScriptedLms,
    folder: LoadFolder,
    *,
    chunk_events: int = 100,
    within: float = 1e5,
    loop: VirtualLoop | None = None,
    **fields: object,
) -> None:
    loop = loop or VirtualLoop()

    async def main() -> None:
        client = LmsClient(settings(**fields), lms, clock=loop.time, now=loop.now)
        await fetch_answers(client, folder, chunk_events=chunk_events)

    run_virtual(main(), within=within, loop=loop)


def answers(folder: LoadFolder) -> list[dict[str, object]]:
    lines = itertools.chain.from_iterable(
        Path(file).read_bytes().splitlines() for file in folder.answer_files()
    )
    return [json.loads(line) for line in lines]


def test_every_event_has_one_answer_in_chunks_of_that_size(tmp_path):
    ids = [f"e{n}" for n in range(25)]
    folder = planned(tmp_path, ids)
    fetch(scripted(ids, e7=answer({}, 404)), folder, chunk_events=10)
    kept = answers(folder)
    assert sorted(row["event_id"] for row in kept) == sorted(ids)
    assert [len(Path(f).read_bytes().splitlines()) for f in folder.answer_files()] == [10, 10, 5]
    (missing,) = [row for row in kept if row["error_kind"]]
    assert (missing["event_id"], missing["error_kind"], missing["http_status"]) == (
        "e7",
        "http_404",
        404,
    )
    assert missing["body"] is None


def test_an_answer_is_kept_as_it_was_sent(tmp_path):
    body = (
        '{ "n": [1.50, 1e2, 12345678901234567890123], "t": "\\ud83d\\ude80 é\\n", "u": "\u2028" }'
    )
    folder = planned(tmp_path, ["e1"])
    fetch(ScriptedLms({details("e1"): [Response(200, {}, body.encode())]}), folder)
    assert answers(folder) == [
        {
            "load_id": folder.load.id,
            "event_id": "e1",
            "http_status": 200,
            "body": body,
            "fetched_at": answers(folder)[0]["fetched_at"],
            "attempts": 1,
            "error_kind": None,
            "error_message": None,
        }
    ]
    assert answers(folder)[0]["fetched_at"].startswith("2026-01-01T00:00:00")


def test_only_what_has_no_answer_is_called(tmp_path):
    folder = planned(tmp_path, ["a", "b", "c"])
    fetch(scripted(["a", "b", "c"]), folder)
    Path(folder.answer_files()[0]).write_bytes(b"cut off")
    folder = LoadFolder.unfinished(tmp_path)
    lms = scripted(["a", "b", "c"])
    fetch(lms, folder)
    assert len(lms.calls("details")) == 3
    fetch(lms, LoadFolder.unfinished(tmp_path))
    assert len(lms.calls("details")) == 3


def test_a_chunk_is_kept_after_half_a_minute(tmp_path):
    """Twelve calls of ten seconds each, one at a time."""

    async def slow(request: Request) -> Response:
        await asyncio.sleep(10)
        return good(request.url.split("/")[-2])

    ids = [f"e{n}" for n in range(12)]
    folder = planned(tmp_path, ids)
    fetch(ScriptedLms({details(i): [slow] for i in ids}), folder, concurrency=1)
    assert [len(Path(f).read_bytes().splitlines()) for f in folder.answer_files()] == [3, 3, 3, 3]


class SlowDisk(VirtualLoop):
    """A loop on which what another thread does takes two seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = self.most = 0

    def run_in_executor(self, _executor, func, *args):
        async def later():
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(2)
            self.under_way -= 1
            return func(*args)

        return self.create_task(later())


def test_calls_go_on_at_full_rate_while_a_chunk_is_copied(tmp_path):
    """50 calls a second, a copy of two seconds every four: the rate is used, and never passed."""
    loop, times = SlowDisk(), []

    async def seen(request: Request) -> Response:
        times.append(loop.time())
        await asyncio.sleep(0.2)
        return good(request.url.split("/")[-2])

    ids = [f"e{n}" for n in range(2000)]
    folder = planned(tmp_path, ids)
    lms = ScriptedLms({details(i): [seen] for i in ids})
    fetch(lms, folder, loop=loop, chunk_events=200, rate=50.0, concurrency=32)
    assert len(answers(folder)) == 2000
    assert loop.most == 1
    assert 1999 / (times[-1] - times[0]) > 0.95 * 50
    assert all(later - earlier >= 1.0 for earlier, later in zip(times, times[50:], strict=False))


def test_when_copies_cannot_keep_up_the_calls_wait(tmp_path):
    """Chunks of 10 at 2 s each: 200 events take as long as their copies, not less."""
    ids = [f"e{n}" for n in range(200)]
    folder, loop = planned(tmp_path, ids), SlowDisk()
    fetch(scripted(ids), folder, loop=loop, chunk_events=10)
    assert loop.most == 1
    assert len(answers(folder)) == 200


def test_an_outage_stops_the_load_and_keeps_what_was_answered(tmp_path):
    """Fifty events are answered, then the LMS is down; the next run calls none of them again."""
    ids = [f"e{n:03}" for n in range(200)]
    folder = planned(tmp_path, ids)
    down = dict.fromkeys(ids[50:], answer({}, 503))
    with pytest.raises(CircuitError, match="not called, the server kept failing; last fault: GET"):
        fetch(
            scripted(ids, **down),
            folder,
            concurrency=4,
            max_retries=0,
            breaker_window=20,
            breaker_max_probes=1,
        )
    kept = {row["event_id"]: row["error_kind"] for row in answers(folder)}
    assert set(ids[:50]) <= set(kept)
    assert set(kept.values()) <= {None, "http_503"}
    lms = scripted(ids)
    fetch(lms, LoadFolder.unfinished(tmp_path))
    assert sorted(r.url.split("/")[-2] for r in lms.calls("details")) == sorted(
        set(ids) - set(kept)
    )


def test_a_refused_token_stops_the_load_and_keeps_what_was_answered(tmp_path):
    """The token is revoked, and the LMS gives no other."""
    calls = Counter()

    async def revoked_later(request: Request) -> Response:
        calls["e"] += 1
        return good(request.url.split("/")[-2]) if calls["e"] <= 5 else answer({}, 401)

    ids = [f"e{n}" for n in range(9)]
    folder = planned(tmp_path, ids)
    lms = ScriptedLms(
        {details(i): [revoked_later] for i in ids},
        [answer({"access_token": "t1"}), answer({"error": "invalid_client"}, 401)],
    )
    with pytest.raises(AuthError, match="invalid_client"):
        fetch(lms, folder, concurrency=1)
    assert LoadFolder.unfinished(tmp_path).answered == 5


def test_what_was_answered_before_a_cancellation_is_kept(tmp_path):
    """Ctrl-C cancels: at a call each second, ten are kept after ten and a half."""

    async def second(request: Request) -> Response:
        await asyncio.sleep(1)
        return good(request.url.split("/")[-2])

    ids = [f"e{n}" for n in range(100)]
    folder = planned(tmp_path, ids)
    lms = ScriptedLms({details(i): [second] for i in ids})
    with pytest.raises(TimeoutError):
        fetch(lms, folder, concurrency=1, within=10.5)
    assert LoadFolder.unfinished(tmp_path).answered == 10


def test_a_cancellation_waits_for_the_copy_under_way(tmp_path):
    """The chunk that is being copied and the one that fills are both kept, one after the other."""

    async def second(request: Request) -> Response:
        await asyncio.sleep(1)
        return good(request.url.split("/")[-2])

    ids = [f"e{n}" for n in range(100)]
    folder, loop = planned(tmp_path, ids), SlowDisk()
    lms = ScriptedLms({details(i): [second] for i in ids})
    with pytest.raises(TimeoutError):
        fetch(lms, folder, loop=loop, chunk_events=4, concurrency=1, within=5.5)
    assert loop.most == 1
    assert len(folder.answer_files()) == 2
    assert LoadFolder.unfinished(tmp_path).answered == 5


def test_every_page_is_a_row(tmp_path):
    lms = ScriptedLms(
        {
            LIST.format(1): [page_answer(["a"], current_page=1, has_more_data=True)],
            LIST.format(2): [page_answer(["b"], current_page=2, has_more_data=False)],
        }
    )
    folder, loop = LoadFolder.new(tmp_path, Load("complete", "lms")), VirtualLoop()

    async def main() -> None:
        client = LmsClient(settings(), lms, clock=loop.time, now=loop.now)
        await fetch_pages(client, folder, since=None)

    run_virtual(main(), within=100, loop=loop)
    (file,) = folder.page_files()
    first, second = (json.loads(line) for line in Path(file).read_bytes().splitlines())
    assert (first["page"], first["item_count"], first["findings"]) == (
        1,
        1,
        "page 1 has no total_count",
    )
    assert (second["page"], second["findings"]) == (2, None)
    assert [event["id"] for event in json.loads(second["body"])["data"]] == ["b"]


def test_a_list_that_breaks_off_leaves_no_pages(tmp_path):
    lms = ScriptedLms(
        {
            LIST.format(1): [page_answer(["a"], current_page=1, has_more_data=True)],
            LIST.format(2): [answer({}, 403)],
        }
    )
    folder, loop = LoadFolder.new(tmp_path, Load("complete", "lms")), VirtualLoop()

    async def main() -> None:
        await fetch_pages(LmsClient(settings(), lms, clock=loop.time), folder, since=None)

    with pytest.raises(LmsPagingError, match="page 2 of the events cannot be had"):
        run_virtual(main(), within=100, loop=loop)
    assert not (tmp_path / folder.load.id / PAGES).exists()


async def in_a_notebook(settings: LmsSettings, folder: LoadFolder) -> None:
    """A cell runs inside an event loop."""
    with_lms(settings, lambda client: fetch_answers(client, folder, chunk_events=10))


def test_a_notebook_whose_loop_runs_fetches_too(tmp_path):
    with Simulator(SimulatorConfig(events=30)) as lms:
        secret = SecretStr(lms.config.client_secret)
        there = LmsSettings(base_url=lms.url, client_id=lms.config.client_id, client_secret=secret)
        folder = planned(tmp_path, list(lms.lms.events))
        asyncio.run(in_a_notebook(there, folder))
        assert folder.answered == 30
        assert set(lms.stats()["events"].values()) == {1}

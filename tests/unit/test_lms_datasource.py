"""The Spark data source without Spark: its batches from a real server on loopback."""

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pyspark import cloudpickle
from pyspark.sql.datasource import InputPartition

from lyceum.sources.lms.datasource import ARROW_SCHEMAS, LmsReader, lms_source
from lyceum.sources.lms.settings import LmsSettings, LmsSettingsError, Secret


async def token(_: web.Request) -> web.Response:
    return web.json_response({"access_token": "t1", "expires_in": 3600})


async def events(request: web.Request) -> web.Response:
    page = int(request.query["page"])
    body = {"data": [{"id": f"e{page}"}], "current_page": page, "has_more_data": page < 3}
    return web.json_response(body)


async def details(request: web.Request) -> web.Response:
    event_id = request.match_info["id"]
    if event_id == "missing":
        raise web.HTTPNotFound
    return web.json_response({"data": {"event_id": event_id, "sessions": []}})


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> TestServer:
        app = web.Application()
        app.router.add_post("/oauth/token", token)
        app.router.add_get("/api/v1/events", events)
        app.router.add_get("/api/v1/events/{id}/session-details", details)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server()
        return server

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    yield str(server.make_url("/")).rstrip("/")
    asyncio.run_coroutine_threadsafe(server.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def reader(base_url: str, options: dict[str, str], **limits: int) -> LmsReader:
    lms = LmsSettings(base_url, "client", Secret("s3cr3t"), max_retries=0)
    return lms_source(lms, **limits)(options).reader(None)


def rows(base_url: str, options: dict[str, str]) -> list[dict[str, object]]:
    batches = list(reader(base_url, options).read(InputPartition(0)))
    assert all(batch.schema == ARROW_SCHEMAS[options["resource"]] for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def test_every_event_is_a_row_with_its_body_or_its_error(base_url):
    """One found, one missing."""
    options = {"resource": "session_details", "event_ids": json.dumps(["e1", "missing"])}
    found, missing = sorted(rows(base_url, options), key=lambda row: row["event_id"])
    assert (found["http_status"], found["attempts"], found["error_kind"]) == (200, 1, None)
    assert json.loads(found["body"]) == {"data": {"event_id": "e1", "sessions": []}}
    assert found["fetched_at"].tzname() == "UTC"
    assert (missing["http_status"], missing["body"]) == (404, None)
    assert missing["error_kind"] == "http_404"


def test_every_page_is_a_row(base_url):
    """Three pages of one event, without a total."""
    pages = rows(base_url, {"resource": "events"})
    assert [(row["page"], row["item_count"], row["findings"]) for row in pages] == [
        (1, 1, "page 1 has no total_count"),
        (2, 1, None),
        (3, 1, None),
    ]


def test_a_fatal_error_is_a_row(base_url):
    """The driver reports it in one line; nothing secret is in it."""
    (row,) = rows(f"{base_url}/elsewhere", {"resource": "events"})
    assert (row["page"], row["body"], row["error_kind"]) == (None, None, "auth")
    assert row["error_message"].startswith("expected an access token from POST /oauth/token, found")


def test_batches_are_bounded_in_rows_and_in_text(base_url):
    """Ten rows at most, or 100 characters and the body that goes over them."""
    ids = json.dumps([f"e{n}" for n in range(25)])
    options = {"resource": "session_details", "event_ids": ids}
    by_rows = reader(base_url, options, batch_rows=10).read(InputPartition(0))
    assert [batch.num_rows for batch in by_rows] == [10, 10, 5]
    by_text = reader(base_url, options, batch_chars=100).read(InputPartition(0))
    assert max(batch.num_rows for batch in by_text) == 3


def test_reading_may_stop_early(base_url):
    """Spark takes one batch and goes: no thread and no call is left behind."""
    ids = json.dumps([f"e{n}" for n in range(1000)])
    options = {"resource": "session_details", "event_ids": ids}
    batches = reader(base_url, options, batch_rows=10).read(InputPartition(0))
    assert next(batches).num_rows == 10
    batches.close()
    assert "lms" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected the option `resource` to be events or session_details, found ''"),
        ({"resource": "users"}, "found 'users'"),
        ({"resource": "session_details"}, "expected the option `event_ids` to be a JSON array"),
        ({"resource": "session_details", "event_ids": "[1]"}, "JSON array of strings"),
        ({"resource": "events", "rate": "0"}, "expected LMS_RATE to be calls per second above 0"),
        ({"resource": "events", "rate": "x"}, "expected the option `rate` to be a number, found"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    """In one line that names the option."""
    with pytest.raises(LmsSettingsError, match=message):
        reader("http://lms.test", options)


def test_rate_and_concurrency_may_be_shared_out():
    """Four readers of 100/s and 32 calls take 25/s and 8 each."""
    taken = reader("http://lms.test", {"resource": "events", "rate": "25", "concurrency": "8"})
    assert (taken._settings.rate, taken._settings.concurrency) == (25.0, 8)


def test_the_source_travels_to_a_worker():
    """The class is pickled with its settings, whose secret no repr shows."""
    lms = LmsSettings("http://lms.test", "client", Secret("s3cr3t"))
    copy = cloudpickle.loads(cloudpickle.dumps(lms_source(lms)))
    taken = copy({"resource": "events"}).reader(None)
    assert (copy.name(), taken._settings) == ("lms", lms)
    assert "s3cr3t" not in repr(vars(taken))

"""The real transport against a real server on loopback."""

import asyncio
import gzip
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from lyceum.errors import SettingsError
from lyceum.http.retry import HttpCallError
from lyceum.http.transport import AiohttpTransport
from lyceum.systems.lms.settings import LmsSettings
from lyceum.systems.lms.source.client import Fetched, LmsClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY = {"data": {"event_id": "e1", "sessions": []}}


async def token(_: web.Request) -> web.Response:
    return web.json_response({"access_token": "t1", "expires_in": 3600})


@asynccontextmanager
async def serving(details: Handler, **server: object):
    app = web.Application()
    app.router.add_post("/oauth/token", token)
    app.router.add_get("/api/v1/events/{id}/session-details", details)
    async with TestServer(app, host="127.0.0.1", **server) as running:
        yield str(running.make_url("/")).rstrip("/")


async def fetch_from(base_url: str, event_id: str = "e1", **fields: object) -> Fetched:
    fields = {"max_retries": 0, "connect_timeout": 1.0, "read_timeout": 0.2, **fields}
    lms = LmsSettings(
        base_url=base_url, client_id="client", client_secret=SecretStr("s3cr3t"), **fields
    )  # type: ignore[arg-type]
    async with AiohttpTransport(lms) as transport:
        return await LmsClient(lms, transport).fetch(event_id)


def fetch(details: Handler, event_id: str = "e1", **fields: object) -> Fetched:
    async def main() -> Fetched:
        async with serving(details) as base_url:
            return await fetch_from(base_url, event_id, **fields)

    return asyncio.run(main())


async def good(_: web.Request) -> web.Response:
    return web.json_response(BODY)


def test_a_body_comes_as_it_is():
    """Over a real connection."""
    assert fetch(good).body == '{"data": {"event_id": "e1", "sessions": []}}'


@pytest.mark.parametrize("event_id", ["a/b?c#d'e %2F", "/../?x='1'&y=%2F#", "عيد🚀"])
def test_an_odd_event_id_arrives_as_it_is(event_id):
    """The server decodes what the client quoted, once."""
    seen = []

    async def details(request: web.Request) -> web.Response:
        seen.append(request.match_info["id"])
        return web.json_response(BODY)

    assert fetch(details, event_id).error_kind is None
    assert seen == [event_id]


def test_a_slow_answer_is_a_timeout():
    """Nothing for longer than the read time-out."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.json_response(BODY)

    assert fetch(slow).error_kind == "timeout"


def test_a_body_that_drips_is_a_timeout_too():
    """Each byte comes in time, the whole does not."""

    async def dripping(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(50):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    assert fetch(dripping, total_timeout=0.3).error_kind == "timeout"


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_body_that_breaks_off_is_truncated(is_chunked):
    """Fewer bytes than announced, or no last chunk."""

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if is_chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = 100
        await response.prepare(request)
        await response.write(b'{"data":')
        request.transport.close()
        return response

    assert fetch(cut).error_kind == "truncated"


def test_a_lost_connection_is_called_once():
    """aiohttp itself would send a GET again on a fresh connection: nobody would count that."""
    calls = []

    async def closing(request: web.Request) -> web.Response:
        calls.append(request.path)
        if len(calls) > 1:
            request.transport.close()
        return web.json_response(BODY)

    async def main() -> list[str | None]:
        async with serving(closing) as base_url:
            lms = LmsSettings(
                base_url=base_url,
                client_id="client",
                client_secret=SecretStr("s3cr3t"),
                max_retries=0,
            )
            async with AiohttpTransport(lms) as transport:
                client = LmsClient(lms, transport)
                return [(await client.fetch(i)).error_kind for i in ("e1", "e2")]

    assert asyncio.run(main()) == [None, "connection"]
    assert len(calls) == 2


def test_no_server_is_a_connection_fault():
    """A port that nobody listens on; the token is out of reach, so the load ends."""
    lms = LmsSettings(
        base_url="http://127.0.0.1:1", client_id="client", client_secret=SecretStr("s3cr3t")
    )

    async def main() -> None:
        from lyceum.http.auth import token_request

        async with AiohttpTransport(lms) as transport:
            await transport.send(token_request(lms))

    with pytest.raises(HttpCallError, match=r"POST http://127\.0\.0\.1:1/oauth/token: connection"):
        asyncio.run(main())


@pytest.mark.parametrize("is_zipped", [False, True])
def test_a_body_over_the_limit_is_refused(is_zipped):
    """Also one that is small until it is unpacked."""
    body = b'{"a": "' + b"x" * 200_000 + b'"}'

    async def big(_: web.Request) -> web.Response:
        if is_zipped:
            return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return web.Response(body=body)

    assert fetch(big, max_body_bytes=100_000).error_kind == "too_large"
    assert fetch(big, max_body_bytes=300_000).body == body.decode()


def test_a_redirect_to_another_host_never_gets_the_token():
    """The other server is not called at all."""
    seen = []

    async def other(request: web.Request) -> web.Response:
        seen.append(request.headers)
        return web.json_response(BODY)

    async def main() -> Fetched:
        async with serving(other) as elsewhere:

            async def redirecting(request: web.Request) -> web.Response:
                raise web.HTTPTemporaryRedirect(f"{elsewhere}{request.path}")

            async with serving(redirecting) as base_url:
                return await fetch_from(base_url)

    assert asyncio.run(main()).error_kind == "redirect_refused"
    assert seen == []


def test_an_unverified_certificate_is_refused(tmp_path):
    """A self-signed one."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def main() -> None:
        from lyceum.http.auth import token_request

        app = web.Application()
        app.router.add_post("/oauth/token", token)
        server = TestServer(app, host="127.0.0.1", scheme="https")
        await server.start_server(ssl=context)
        base_url = str(server.make_url("/")).rstrip("/")
        lms = LmsSettings(base_url=base_url, client_id="client", client_secret=SecretStr("s3cr3t"))
        async with AiohttpTransport(lms) as transport:
            try:
                await transport.send(token_request(lms))
            finally:
                await server.close()

    with pytest.raises(
        HttpCallError, match="the server's certificate cannot be verified"
    ) as caught:
        asyncio.run(main())
    assert (caught.value.kind, caught.value.is_transient) == ("tls", False)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"base_url": "lms.test"}, "expected LMS_BASE_URL to be a URL such as"),
        ({"base_url": "https://u:p4ss@lms.test"}, "expected LMS_BASE_URL to be a URL without user"),
        ({"details_path": "/e"}, r"expected LMS_DETAILS_PATH to be a path with {id} in it"),
        ({"rate": 0.0}, "expected LMS_RATE to be calls per second above 0"),
        ({"concurrency": 0}, "expected LMS_CONCURRENCY to be at least 1, found 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(fields, message):
    """In one line that names the variable, without what may be secret."""
    given = {"base_url": "https://lms.test", "client_id": "c", "client_secret": SecretStr("s")}
    with pytest.raises(SettingsError, match=message) as caught:
        LmsSettings(**given | fields)
    assert "p4ss" not in str(caught.value)


def test_a_secret_is_not_shown():
    """Nor in the settings that hold it."""
    lms = LmsSettings(
        base_url="https://lms.test", client_id="client", client_secret=SecretStr("s3cr3t")
    )
    assert "s3cr3t" not in f"{lms} {lms!r} {lms.client_secret} {lms.client_secret!r}"

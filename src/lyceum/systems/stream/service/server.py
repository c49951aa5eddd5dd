"""The service's HTTP: /health, /ready and /metrics, in a thread of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from aiohttp import web
from prometheus_client import generate_latest

from lyceum.errors import UsageError
from lyceum.systems.stream.service.monitor import Monitor


class PortError(UsageError):
    """The port is taken."""


@contextmanager
def served(monitor: Monitor, host: str, port: int) -> Iterator[str]:
    """Answer as long as the block lasts; gives the address."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="stream-http", daemon=True)
    thread.start()
    runner = web.AppRunner(_app(monitor), access_log=None)
    try:
        bound = asyncio.run_coroutine_threadsafe(_bound(runner, host, port), loop).result()
    except OSError as error:
        loop.call_soon_threadsafe(loop.stop)
        message = f"expected port {port} on {host} to be free, found: {error.strerror}"
        raise PortError(f"{message}; set STREAM_HTTP_PORT to another one") from None
    try:
        yield f"http://{host}:{bound}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _app(monitor: Monitor) -> web.Application:
    async def health(_request: web.Request) -> web.Response:
        problems = monitor.problems()
        status = "unhealthy" if problems else "healthy"
        return web.json_response(
            {"status": status, "reasons": problems}, status=503 if problems else 200
        )

    async def ready(_request: web.Request) -> web.Response:
        status = 200 if monitor.is_ready else 503
        return web.json_response({"ready": monitor.is_ready}, status=status)

    async def metrics(_request: web.Request) -> web.Response:
        text = generate_latest(monitor.registry).decode("utf-8")
        return web.Response(text=text, content_type="text/plain")

    app = web.Application()
    routes = {"/health": health, "/ready": ready, "/metrics": metrics}
    app.add_routes([web.get(path, handler) for path, handler in routes.items()])
    return app


async def _bound(runner: web.AppRunner, host: str, port: int) -> int:
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return int(runner.addresses[0][1])

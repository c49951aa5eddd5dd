"""The part of a workspace's REST API that our code calls: secrets of a scope, as documented.

The emulators of that API refuse to read a secret, so this one serves it, over HTTP.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-platform"

Secrets = dict[tuple[str, str], str]


@contextmanager
def served(secrets: Secrets) -> Iterator[dict[str, str]]:
    """The environment by which the platform tells a task where its API is."""

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, answer = _answer(self.path, self.headers.get("Authorization", ""), secrets)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {
            "DATABRICKS_HOST": f"http://127.0.0.1:{server.server_port}",
            "DATABRICKS_TOKEN": TOKEN,
        }
    finally:
        server.shutdown()
        server.server_close()


def _answer(path: str, authorization: str, secrets: Secrets) -> tuple[int, dict[str, str]]:
    url = urlsplit(path)
    asked = parse_qs(url.query)
    if authorization != f"Bearer {TOKEN}":
        return 401, {"error_code": "UNAUTHENTICATED", "message": "no token"}
    if url.path != "/api/2.0/secrets/get":
        return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"no {url.path} here"}
    scope, key = asked["scope"][0], asked["key"][0]
    value = secrets.get((scope, key))
    if value is None:
        message = f"Secret does not exist with scope: {scope} and key: {key}"
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": message}
    return 200, {"key": key, "value": base64.b64encode(value.encode()).decode()}

"""A warehouse in an object store: the engine in this process against a local S3 server."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from contract_lakes import ENGINE

pytestmark = [
    pytest.mark.skipif(ENGINE != "embedded", reason="Spark needs the jars of Hadoop for it"),
    pytest.mark.skipif(find_spec("moto") is None, reason="the S3 server needs moto and flask"),
]


@pytest.fixture
def store() -> Iterator[dict[str, str]]:
    """The environment in which a process finds a server with one bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                urlopen(Request(f"{url}/lakehouse", method="PUT"))
                break
            except URLError:
                time.sleep(0.1)
        yield {
            **os.environ, "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        }  # fmt: skip
    finally:
        server.kill()
        server.wait()


def test_the_writers_work_on_an_object_store(store: dict[str, str]) -> None:
    """In a process of its own: the Sail server reads the environment once."""
    task = {
        "engine": "embedded", "warehouse": "s3://lakehouse/tables", "schemas": {},
        "action": "write_everything", "args": [],
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "children.py"), json.dumps(task)],
        env=store,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["absent"] == []
    assert found["rows"] == [["b", 5, None], ["c", 3, 3]]
    assert found["before"] == [["a", 1, 1]]
    assert found["once"] == [True, False]
    assert found["operations"][-1] == "CREATE TABLE"
    assert found["files"] == 1

"""A Spark Connect server, as serverless compute has one: a process that dies leaves it running."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"

SERVER = """
import sys
from pathlib import Path
from pyspark.sql import SparkSession
from lyceum.config import Config
from lyceum.session import local_options

home, port = sys.argv[1:]
builder = SparkSession.builder.master("local[2]")
for key, value in local_options(Config.load(Path(home))).items():
    builder = builder.config(key, value)
builder = builder.config("spark.plugins", "org.apache.spark.sql.connect.SparkConnectPlugin")
builder = builder.config("spark.connect.grpc.binding.address", "127.0.0.1")
builder.config("spark.connect.grpc.binding.port", port).getOrCreate()
print("listening", flush=True)
sys.stdin.read()
"""


@contextmanager
def connect_server(home: Path) -> Iterator[dict[str, str]]:
    """What the environment of a process needs to use a new server on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = {TOKEN: "of this test"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(home), str(port)],
        env=os.environ | token | {"PYSPARK_PYTHON": sys.executable},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "listening\n"
            # A client trusts a token to "localhost" without TLS, but not to 127.0.0.1.
            yield {"SPARK_REMOTE": f"sc://localhost:{port}", **token}
        finally:
            os.killpg(server.pid, signal.SIGKILL)

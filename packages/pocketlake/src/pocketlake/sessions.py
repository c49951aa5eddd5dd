"""Sessions: Sail in this process, Spark through a Spark Connect server, or the workspace's own."""

import ctypes
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from pyspark.sql import SparkSession

from pocketlake.errors import LakeError

Kind = Literal["embedded", "spark", "workspace"]

CATALOG = "spark_catalog"
"""The catalog of every session on one machine, whichever engine it has."""


class EngineError(LakeError):
    """An engine cannot be started here."""

    exit_code = 2


def embedded_session(*, catalog: str = CATALOG, address: str | None = None) -> SparkSession:
    """A new session on Sail: the server of this process, which the first call starts, or another.

    Object stores are found by the environment, as the AWS command line does: AWS_ENDPOINT_URL,
    AWS_REGION, AWS_ACCESS_KEY_ID and so on, set before the first call.

    Args:
        catalog: Name of the one catalog, which the first call of a process decides.
        address: `sc://` address of a Sail server on this machine that has the same catalog.
    """
    with _GUARD, _interrupts_kept():
        spark: SparkSession = SparkSession.builder.remote(
            address or _sail_address(catalog)
        ).create()
        # What a statement creates without a word of its format is Delta, as in a workspace.
        spark.conf.set("spark.sql.sources.default", "delta")
        on_utc(without_reattaching(spark)).sql("SELECT 1").collect()
    return spark


def server_address(catalog: str = CATALOG) -> str:
    """The address of the Sail server of this process, which the first call starts."""
    with _GUARD, _interrupts_kept():
        return _sail_address(catalog)


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Leave Ctrl-C to whoever has it: the server takes it with its first answer.

    It would end, and leave its client to try again for ever. Python's own `signal` puts handlers
    back in the main thread alone, and a session may be made in any.
    """
    taken, put_back = ctypes.pythonapi.PyOS_getsig, ctypes.pythonapi.PyOS_setsig
    taken.restype, put_back.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
    handler = taken(signal.SIGINT)
    try:
        yield
    finally:
        put_back(signal.SIGINT, handler)


def connected_session(address: str) -> SparkSession:
    """A new session on a Spark Connect server, by its `sc://` address.

    Raises EngineError if nobody answers there: the client itself would try for many minutes.
    """
    server = urlsplit(address)
    try:
        socket.create_connection((server.hostname or "", server.port or 15002), timeout=10).close()
    except OSError as error:
        message = f"expected a Spark Connect server at {server.hostname}:{server.port or 15002}"
        raise EngineError(f"{message}, found none: {error.strerror or error}") from None
    spark: SparkSession = SparkSession.builder.remote(address).create()
    _CONNECTED.append(spark)
    return on_utc(spark)


def workspace_session() -> SparkSession:
    """The session of the workspace's compute."""
    return on_utc(SparkSession.builder.getOrCreate())


def without_reattaching(spark: SparkSession) -> SparkSession:
    """The session with results in one stream each, as a server on the same machine sends them.

    Where a client may reattach, it releases what it has got through a pool of threads that all
    sessions share. A session that is garbage waits for that pool, in whatever thread collects it:
    in one that submits to the pool it waits for ever, and so may the end of the process.
    """
    session: Any = spark
    session.client.disable_reattachable_execute()
    return spark


def on_utc(spark: SparkSession) -> SparkSession:
    """The session with UTC as its time zone, whatever its server or this machine has."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return spark


_GUARD = threading.Lock()
_SERVER: list[object] = []
_CONNECTED: list[SparkSession] = []
"""Sessions that may reattach, which therefore are never garbage."""


def _sail_address(catalog: str) -> str:
    if not _SERVER:
        _SERVER.append(_started_server(catalog))
    host, port = _SERVER[0].listening_address  # type: ignore[attr-defined]
    return f"sc://{host}:{port}"


def _started_server(catalog: str) -> object:
    os.environ.setdefault("RUST_LOG", "off")
    catalogs = f'[{{name="{catalog}", type="memory", initial_database=["default"]}}]'
    os.environ["SAIL_CATALOG__LIST"] = catalogs
    try:
        from pysail.spark import SparkConnectServer
    except ImportError:
        message = "expected the embedded engine, found no pysail: install pocketlake[embedded]"
        raise EngineError(message) from None
    server = SparkConnectServer("127.0.0.1", 0)
    server.start()
    return server

"""Connections to the OLTP database: read-only, with a time-out, all of one instant."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, LifoQueue
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pyarrow as pa

from lyceum.systems.warehouse.source.errors import (
    QueryError,
    SourceDownError,
    SourceSettingsError,
)
from lyceum.systems.warehouse.source.queries import BEGIN, SETTINGS, SNAPSHOT, literal
from pocketlake.redaction import redacted, remember_secret

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "")
_BATCH_BYTES = 8_000_000
_NOISE = re.compile(r".*\[libpq\] (Failed to connect: )?|.*\[PGRES_FATAL_ERROR\]: |^ERROR: +")
_BATCHES = "adbc.postgresql.batch_size_hint_bytes"


@dataclass(frozen=True)
class Snapshot:
    """One instant of the database, which connections can share while its first one is open."""

    name: str
    taken_at: datetime
    horizon: int
    """Of no older transaction the outcome was open: its rows need not be read again."""
    database: str
    """System, timeline and database: after a restore it is another one."""


class Source:
    """The database of an address; the password is nowhere but here.

    Raises:
        SourceSettingsError: The address is none of PostgreSQL.
    """

    def __init__(self, url: str, *, timeout_seconds: int) -> None:
        self._url, self.where = _with_defaults(url)
        self._timeout = timeout_seconds

    @contextmanager
    def snapshot(self) -> "Iterator[Reader]":
        """Hold one instant of the database until the end of the block."""
        with closing(self._opened()) as first:
            [row] = first.read(SNAPSHOT).to_pylist()
            snapshot = Snapshot(row["snapshot"], row["taken_at"], row["horizon"], row["database"])
            reader = Reader(snapshot, lambda: self._opened(snapshot))
            try:
                yield reader
            finally:
                reader.close()

    def _opened(self, snapshot: Snapshot | None = None) -> "Connection":
        """A connection in a transaction that reads, of a snapshot if one is given."""
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi

        try:
            connection = Connection(dbapi.connect(self._url, autocommit=True), self.where)
        except Error as error:
            message = f"expected PostgreSQL at {self.where}, found: {_first_line(error)}"
            raise SourceDownError(message) from None
        try:
            for setting in SETTINGS:
                connection.run(setting.format(seconds=self._timeout))
            connection.run(BEGIN)
            if snapshot is not None:
                connection.run(f"SET TRANSACTION SNAPSHOT {literal(snapshot.name)}")
        except BaseException:
            connection.close()
            raise
        return connection


class Reader:
    """Connections that see one snapshot, as many as there are threads that read."""

    def __init__(self, snapshot: Snapshot, opened: "Callable[[], Connection]") -> None:
        self.snapshot = snapshot
        self._opened = opened
        self._idle: LifoQueue[Connection] = LifoQueue()

    @contextmanager
    def connection(self) -> "Iterator[Connection]":
        """A connection for this thread; one on which something failed is not used again."""
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._opened()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)

    def read(self, query: str) -> pa.Table:
        """All rows of a query."""
        with self.connection() as connection:
            return connection.read(query)

    def close(self) -> None:
        """Close the connections; nobody reads any more."""
        while not self._idle.empty():
            self._idle.get_nowait().close()


class Connection:
    """A connection under way; one thread uses it at a time."""

    def __init__(self, opened: Any, where: str) -> None:  # noqa: ANN401 - untyped driver
        self._opened = opened
        self._where = where

    def run(self, statement: str) -> None:
        """Run a statement that gives no rows."""
        with self._told(), self._opened.cursor() as cursor:
            cursor.execute(statement)

    def read(self, query: str) -> pa.Table:
        """All rows of a query."""
        return pa.Table.from_batches(list(self.batches(query)))

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query, some megabytes at a time; at least one batch, if empty.

        Raises:
            QueryError: The database refused the query.
            SourceDownError: The connection is gone.
        """
        with self._told(), self._opened.cursor() as cursor:
            cursor.adbc_statement.set_options(**{_BATCHES: str(_BATCH_BYTES)})
            cursor.execute(query)
            with cursor.fetch_record_batch() as reader:
                yield pa.RecordBatch.from_pylist([], schema=reader.schema)
                yield from reader

    def close(self) -> None:
        """Close the connection, in whatever state it is."""
        with suppress(Exception):
            self._opened.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors as ours: a connection that still takes a ROLLBACK is there."""
        from adbc_driver_manager import Error

        try:
            yield
        except (Error, OSError) as error:  # pyarrow's, where rows were under way
            told = _first_line(error)
            try:
                with self._opened.cursor() as cursor:
                    cursor.execute("ROLLBACK")
            except Error:
                message = f"expected PostgreSQL at {self._where} to answer, found: {told}"
                raise SourceDownError(message) from None
            raise QueryError(told) from None


def _first_line(error: Exception) -> str:
    """What an error of the database says, on one line, without what belongs to the driver."""
    lines = [line.strip() for line in str(redacted(str(error))).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return _NOISE.sub("", text)


def _with_defaults(url: str) -> tuple[str, str]:
    """The address with TLS and a time-out where it does not say; and what may be shown of it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 5432
    except ValueError:
        parts, host, port = urlsplit(""), "", 0
    if parts.scheme not in ("postgresql", "postgres"):
        shape = "postgresql://user:password@host:5432/database"
        message = f"expected OLTP_DATABASE_URL like {shape}, found another kind of text"
        raise SourceSettingsError(message)
    if parts.password:
        remember_secret(parts.password)
    defaults = {"connect_timeout": "10", "application_name": "lyceum"}
    if host not in _LOOPBACK:
        defaults["sslmode"] = "require"
    query = urlencode({**defaults, **dict(parse_qsl(parts.query))})
    return urlunsplit(parts._replace(query=query)), f"{host}:{port}{parts.path}"

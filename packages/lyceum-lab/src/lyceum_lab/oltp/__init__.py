"""The OLTP database of a tutoring product, made up: its schema, and rows for it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from lyceum.errors import LyceumError, UsageError
from lyceum_lab.oltp.config import OltpConfig
from lyceum_lab.oltp.fill import READER, create_schema, fill, grant_reader
from lyceum_lab.postgres import private_postgres

__all__ = ["READER", "OltpConfig", "create_schema", "fill", "filled", "grant_reader", "served"]


class OltpError(LyceumError):
    """The database that is to be filled cannot be, as the message says."""


def filled(url: str, config: OltpConfig) -> dict[str, int]:
    """Make tables and rows in the empty database of an address; rows by table.

    Raises:
        UsageError: The address is none of PostgreSQL.
        OltpError: The database refused, for instance because the tables are there.
    """
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            create_schema(connection)
            return fill(connection, config)
    except psycopg.ProgrammingError as error:
        if error.sqlstate is None:
            shape = "postgresql://user:password@host:5432/database"
            raise UsageError(f"expected an address like {shape}, found another text") from None
        raise OltpError(_refused(error)) from None
    except psycopg.Error as error:
        raise OltpError(_refused(error)) from None


@contextmanager
def served(config: OltpConfig, *, port: int = 0) -> Iterator[str]:
    """A private PostgreSQL with these rows until the end of the block; the reader's address."""
    password = secrets.token_hex(16)
    with private_postgres(port=port) as postgres:
        with postgres.connect() as connection:
            create_schema(connection)
            fill(connection, config)
            grant_reader(connection, password)
        yield postgres.url(user=READER, password=password)


def _refused(error: psycopg.Error) -> str:
    first = str(error).strip().splitlines()[0]
    return f"expected an empty database to fill, found: {first}"

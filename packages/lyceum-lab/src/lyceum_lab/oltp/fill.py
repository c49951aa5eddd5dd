"""Fill an OLTP database by COPY, and let a role read it."""

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from lyceum_lab.oltp.config import OltpConfig
from lyceum_lab.oltp.rows import Tables, days, masters, mastery

READER = "lyceum_reader"
"""The role that the warehouse reads as: it may SELECT and nothing else."""

Connection = psycopg.Connection[Any]


def create_schema(connection: Connection) -> None:
    """Make the empty tables."""
    connection.execute(files("lyceum_lab.oltp").joinpath("schema.sql").read_bytes())


def fill(connection: Connection, config: OltpConfig) -> dict[str, int]:
    """Make up the rows of a configuration, in one transaction; rows by table."""
    counts: Counter[str] = Counter()
    with connection.transaction():
        for tables in _all(config):
            for name, rows in tables.items():
                _copy(connection, name, rows)
                counts[name] += rows.num_rows
        connection.execute("ANALYZE")
    return dict(counts)


def grant_reader(connection: Connection, password: str) -> None:
    """Make the role that only reads, in the present tables and in those to come."""
    role, secret = sql.Identifier(READER), sql.Literal(password)
    for statement in (
        "CREATE ROLE {role} LOGIN PASSWORD {secret}",
        "ALTER ROLE {role} SET default_transaction_read_only = on",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}",
    ):
        connection.execute(sql.SQL(statement).format(role=role, secret=secret))


def _all(config: OltpConfig) -> Iterator[Tables]:
    yield masters(config)
    yield from days(config)
    yield mastery(config)


def _copy(connection: Connection, name: str, rows: pa.Table) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)")
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    with closing(io.BytesIO()) as text, connection.cursor() as cursor:
        csv.write_csv(rows, text, options)
        with cursor.copy(statement.format(sql.Identifier(name), columns)) as copy:
            copy.write(text.getbuffer())

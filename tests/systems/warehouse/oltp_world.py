"""A real PostgreSQL for the tests of the warehouse: a database of its own for each test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from lyceum.systems.warehouse.source.connection import Source
from lyceum.systems.warehouse.source.landing import Landing
from lyceum.systems.warehouse.source.sync import Synced, sync
from lyceum.systems.warehouse.source.tables import SOURCE_TABLES
from lyceum_lab.oltp import READER, OltpConfig, create_schema, fill, grant_reader
from lyceum_lab.postgres import Postgres, private_postgres

PASSWORD = "of-the-reader-only"
CONFIG = OltpConfig(learners=20, days=3, activities=4)
_numbers = count()


@contextmanager
def server() -> Iterator[Postgres]:
    """A server with a template that has the schema and some rows."""
    with private_postgres() as postgres:
        with postgres.connect() as connection:
            connection.execute("CREATE DATABASE filled")
        with postgres.connect("filled") as connection:
            create_schema(connection)
            fill(connection, CONFIG)
            grant_reader(connection, PASSWORD)
        yield postgres


@dataclass
class Oltp:
    """A database of a test, and the landing folder of its syncs."""

    postgres: Postgres
    database: str
    folder: Path
    connection: "psycopg.Connection[Any]" = field(init=False)

    def __post_init__(self) -> None:
        self.connection = self.postgres.connect(self.database)

    @classmethod
    def copied(cls, postgres: Postgres, folder: Path, template: str = "filled") -> "Oltp":
        name = f"test_{next(_numbers)}"
        with postgres.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return cls(postgres, name, folder)

    @property
    def url(self) -> str:
        return self.postgres.url(self.database, user=READER, password=PASSWORD)

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement)

    def scalar(self, query: str) -> Any:
        [value] = self.connection.execute(query).fetchone() or [None]
        return value

    def sync(self, *names: str, timeout: int = 30) -> Synced:
        tables = [SOURCE_TABLES[name] for name in names or SOURCE_TABLES]
        return sync(Source(self.url, timeout_seconds=timeout), Landing(self.folder), tables)

    def files(self) -> set[str]:
        """What pipelines see: the landed files."""
        found = (p.relative_to(self.folder) for p in self.folder.rglob("*.parquet"))
        return {str(p) for p in found if not p.parts[0].startswith("_")}

    def landed(self, table: str) -> pa.Table:
        """Every row that was ever landed, in the order of the syncs."""
        files = sorted((self.folder / table).glob("*.parquet"))
        tables = [pq.read_table(file) for file in files]
        return pa.concat_tables(tables) if tables else SOURCE_TABLES[table].schema.empty_table()

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.landed(table).to_pylist()

    def current(self, table: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The rows as the landed files tell them, by key."""
        keys, found = SOURCE_TABLES[table].keys, {}
        for row in sorted(self.rows(table), key=lambda row: row["_snapshot_at"]):
            found[tuple(row[key] for key in keys)] = row
        return {key: row for key, row in found.items() if not row["_is_deleted"]}

    def close(self) -> None:
        self.connection.close()

"""Table: the one declaration from which DDL, docs, tests and quality suites derive."""

import re
from dataclasses import dataclass

from lyceum.errors import LyceumError

LAYERS = ("bronze", "silver", "gold", "ops")
_NAME = re.compile(rf"({'|'.join(LAYERS)})\.[a-z][a-z0-9_]*")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


class TableDeclarationError(LyceumError):
    """A table declaration that contradicts itself."""


def quoted(*parts: str) -> str:
    """A dotted SQL identifier, each part checked against an allow-list and quoted.

    >>> quoted("spark_catalog", "silver", "lm_events")
    '`spark_catalog`.`silver`.`lm_events`'
    """
    for part in parts:
        if not _IDENTIFIER.fullmatch(part):
            message = f"expected an identifier of letters, digits, _ and -, found {part!r}"
            raise TableDeclarationError(message)
    return ".".join(f"`{part}`" for part in parts)


def text_literal(text: str) -> str:
    r"""A SQL string literal.

    >>> text_literal("the learner's")
    "'the learner\\'s'"
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@dataclass(frozen=True)
class Table:
    """A Delta table: what a row is, what identifies it, and its columns as one DDL string."""

    name: str
    """Layer and table, such as `silver.event_session_details`; schemas are configuration."""
    grain: str
    """What one row is, in one sentence."""
    columns: str
    """DDL of the columns: name, type, NOT NULL, COMMENT."""
    keys: tuple[str, ...]
    """The columns that identify a row; MERGE compares them with `<=>`."""
    cluster_by: tuple[str, ...] | None = None
    """Liquid clustering columns, at most four; the keys if None, none if empty."""
    retention_days: int | None = None
    """Days after which maintenance may delete a row; None keeps rows for ever."""
    personal: tuple[str, ...] = ()
    """Columns that hold personal data."""
    deletion_vectors: bool = False
    """Mark changed rows instead of rewriting their files: pays where few of many rows change.

    It costs two more queries a read and four a merge, so on a local disk `storage` does it only in
    large tables. A workspace may have a default of its own.
    """

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            message = f"expected a table name like silver.lm_events, found {self.name!r}"
            raise TableDeclarationError(message)

    @property
    def layer(self) -> str:
        """The layer that the table belongs to."""
        return self.name.split(".")[0]

    @property
    def short_name(self) -> str:
        """The table's name within its layer."""
        return self.name.split(".")[1]

    @property
    def clustering(self) -> tuple[str, ...]:
        """The columns that files are clustered on."""
        return self.keys[:4] if self.cluster_by is None else self.cluster_by

    def create_statement(self, full_name: str, location: str | None = None) -> str:
        """The `CREATE TABLE` statement under `full_name`, at `location` if it is not managed."""
        parts = [f"CREATE TABLE IF NOT EXISTS {full_name} ({self.columns}) USING DELTA"]
        if self.clustering:
            parts.append(f"CLUSTER BY ({', '.join(quoted(c) for c in self.clustering)})")
        parts.append(f"COMMENT {text_literal(self.grain)}")
        if location:
            parts.append(f"LOCATION {text_literal(location)}")
        if self.deletion_vectors:
            parts.append("TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
        return " ".join(parts)


@dataclass(frozen=True)
class View:
    """A view over one declared table."""

    name: str
    """Layer and view, such as `ops.etl_job_status`."""
    comment: str
    base: Table
    query: str
    """SELECT statement; `{base}` stands for the base table's full name."""

    @property
    def layer(self) -> str:
        """The layer that the view belongs to."""
        return self.name.split(".")[0]

    @property
    def short_name(self) -> str:
        """The view's name within its layer."""
        return self.name.split(".")[1]

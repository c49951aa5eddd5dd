"""Table: the one declaration from which DDL, docs, tests and quality suites derive."""

import re
from dataclasses import dataclass

from lyceum.errors import LyceumError

LAYERS = ("bronze", "silver", "gold", "ops")
_NAME = re.compile(rf"({'|'.join(LAYERS)})\.[a-z][a-z0-9_]*")


class TableDeclarationError(LyceumError):
    """A table declaration that contradicts itself."""


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
    """The columns that identify a row; a merge compares them, NULL being a value."""
    cluster_by: tuple[str, ...] | None = None
    """Liquid clustering columns, at most four; the keys if None, none if empty."""
    retention_days: int | None = None
    """Days after which maintenance may delete a row; None keeps rows for ever."""
    retention_column: str = "date_key"
    """DATE, TIMESTAMP or INT yyyymmdd from which the days count; a row without it is kept."""
    personal: tuple[str, ...] = ()
    """Columns that hold personal data."""
    person: tuple[str, ...] = ()
    """Those of them that hold a person's identifier, alone or in a text: when a person is erased it
    is replaced there, and the other personal columns of the row become NULL."""

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
    def comment(self) -> str:
        """What the catalog says of the table."""
        return self.grain

    @property
    def clustering(self) -> tuple[str, ...]:
        """The columns that files are clustered on."""
        return self.keys[:4] if self.cluster_by is None else self.cluster_by


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

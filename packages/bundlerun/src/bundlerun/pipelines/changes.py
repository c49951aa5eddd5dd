"""AUTO CDC: what a flow of changes says of its target, and its rows in one common form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pyspark.pipelines.flow import Flow
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from bundlerun.pipelines.errors import DefinitionError

SEQUENCE = "__sequence"
DELETED = "__is_deleted"
START, END = "__START_AT", "__END_AT"

Name = str | Column
ScdType = Literal[1, 2]
Version = int | float | str | date
"""Of a snapshot: greater than that of the one before. A datetime is a date too."""
Snapshot = tuple[DataFrame, Version]


@dataclass(frozen=True)
class Target:
    """What the flows of one target agree on."""

    keys: tuple[str, ...]
    values: tuple[str, ...]
    """All other columns."""
    tracked: tuple[str, ...]
    """Those of the values that open a new version of type 2 when they change."""
    scd_type: ScdType

    def schema(self, changes: StructType) -> StructType:
        """The columns of the target; versions say from when to when they hold."""
        fields = [changes[name] for name in changes.names if name in {*self.keys, *self.values}]
        if self.scd_type == 2:
            sequence = changes[SEQUENCE].dataType
            fields += [StructField(name, sequence) for name in (START, END)]
        return StructType(fields)

    @property
    def row_keys(self) -> tuple[str, ...]:
        """What identifies a row of the target."""
        return self.keys if self.scd_type == 1 else (*self.keys, START)


@dataclass(frozen=True, eq=False)
class Rules:
    """How rows are brought into a target: what identifies a row, and what opens a version."""

    keys: Sequence[Name]
    scd_type: ScdType
    tracked: Sequence[Name] | None = None
    untracked: Sequence[Name] | None = None

    def target(self, rows: DataFrame) -> Target:
        """The names behind the rules, for rows of these columns."""
        own = {SEQUENCE, DELETED}
        keys = names_in(rows, self.keys)
        values = [name for name in rows.columns if name not in {*keys, *own}]
        tracked = set(values if self.tracked is None else names_in(rows, self.tracked))
        tracked -= set(names_in(rows, self.untracked or ()))
        kept = tuple(name for name in values if name in tracked)
        return Target(keys, tuple(values), kept, self.scd_type)


@dataclass(frozen=True, eq=False)
class Changes:
    """What the arguments of `create_auto_cdc_flow` make of the rows of its source."""

    rules: Rules
    sequence_by: Name
    deletes: Name | None = None
    kept: Sequence[Name] | None = None
    left_out: Sequence[Name] | None = None

    def of(self, rows: DataFrame) -> DataFrame:
        """Keys, values, sequence, and whether it is a delete, whose values are NULL."""
        keys = names_in(rows, self.rules.keys)
        kept = rows.columns if self.kept is None else [*keys, *names_in(rows, self.kept)]
        without = set(names_in(rows, self.left_out or ()))
        if lost := without.intersection(keys):
            message = "expected except_column_list to leave the keys"
            raise DefinitionError(f"{message}, found {', '.join(sorted(lost))}")
        is_deleted = F.coalesce(_column(self.deletes), F.lit(False)).alias(DELETED)
        columns = [name for name in rows.columns if name in kept and name not in without]
        of_change = rows.select(
            *(f"`{name}`" for name in columns),
            _column(self.sequence_by).alias(SEQUENCE),
            is_deleted,
        )
        values = [
            F.col(f"`{name}`")
            if name in keys
            else F.when(~F.col(DELETED), F.col(f"`{name}`")).alias(name)
            for name in columns
        ]
        return of_change.select(*values, SEQUENCE, DELETED)


@dataclass(frozen=True)
class ChangeFlow(Flow):
    """A flow of changes: its function gives them in the common form."""

    rules: Rules
    is_once: bool = False


@dataclass(frozen=True)
class OnceFlow(Flow):
    """A flow that reads whole tables, and only once until a full refresh."""


_VERSIONS = {datetime: "timestamp", date: "date", int: "bigint", float: "double", str: "string"}


def snapshot_form(rows: DataFrame, kind: type[Version]) -> DataFrame:
    """The rows of a snapshot as changes, whose sequence has the type of its version."""
    if kind not in _VERSIONS:
        names = ", ".join(known.__name__ for known in _VERSIONS)
        message = f"expected the version of a snapshot to be one of {names}"
        raise DefinitionError(f"{message}, found {kind.__name__}")
    sequence = F.lit(None).cast(_VERSIONS[kind]).alias(SEQUENCE)
    return rows.select("*", sequence, F.lit(False).alias(DELETED))


@dataclass(frozen=True)
class SnapshotFlow(Flow):
    """A flow of snapshots: its function gives the columns of one."""

    rules: Rules
    source: str | Callable[[Version | None], Snapshot | None]
    """A table or view, or what gives the snapshot after a version, None if there is none."""


def names_in(rows: DataFrame, names: Sequence[Name]) -> tuple[str, ...]:
    """Names that are given as texts or as columns, in any case, as the rows have them."""
    columns = [f"`{name.strip('`')}`" if isinstance(name, str) else name for name in names]
    found = rows.select(*columns).columns if columns else []
    as_they_are = {name.casefold(): name for name in rows.columns}
    return tuple(as_they_are.get(name.casefold(), name) for name in found)


def _column(given: Name | None) -> Column:
    """A column of a text, which is an expression, or as it is given; NULL without one."""
    if given is None:
        return F.lit(None).cast("boolean")
    return F.expr(given) if isinstance(given, str) else given

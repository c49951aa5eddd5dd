"""Bringing a table up to its declaration, never at the price of data: what has to change."""

from collections.abc import Collection
from dataclasses import dataclass

from pyspark.sql.types import (
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StructField,
    StructType,
)

from pocketlake.declaration import Column, Declaration, declared_columns
from pocketlake.errors import SchemaChangeError

_WIDER: dict[type[DataType], tuple[type[DataType], ...]] = {
    ByteType: (ShortType, IntegerType, LongType, DoubleType),
    ShortType: (IntegerType, LongType, DoubleType),
    IntegerType: (LongType, DoubleType),
    FloatType: (DoubleType,),
}


@dataclass(frozen=True)
class Present:
    """What a table on disk has."""

    columns: StructType
    """Its columns, with comments in their metadata."""
    required: frozenset[str]
    """Its columns that were declared NOT NULL."""


@dataclass(frozen=True)
class Changes:
    """What an existing table lacks of its declaration."""

    added: tuple[tuple[Column, DataType], ...] = ()
    widened: tuple[tuple[Column, DataType], ...] = ()
    commented: tuple[Column, ...] = ()
    relaxed: tuple[str, ...] = ()

    @property
    def is_none(self) -> bool:
        """True if the table is as declared."""
        return not (self.added or self.widened or self.commented or self.relaxed)


def changes(table: Declaration, types: StructType, present: Present) -> Changes:
    """The new columns, wider types, comments and relaxed NOT NULLs; anything else is refused."""
    declared = declared_columns(table.columns)
    here = {field.name: field for field in present.columns}
    _refuse_undeclared(table, here, [c.name for c in declared])
    added, widened, commented, relaxed = [], [], [], []
    for column in declared:
        found, kind = here.get(column.name), types[column.name].dataType
        if found is None:
            _refuse_required(table, column, f"its existing rows have no value for {column.name}")
            added.append((column, kind))
            continue
        if found.dataType != kind:
            _refuse_unless_wider(table, found, kind)
            widened.append((column, kind))
        if column.name not in present.required:
            _refuse_required(table, column, f"{column.name} may hold NULL")
        elif not column.is_required:
            relaxed.append(column.name)
        if found.metadata.get("comment", "") != column.comment:
            commented.append(column)
    return Changes(tuple(added), tuple(widened), tuple(commented), tuple(relaxed))


def _refuse_undeclared(
    table: Declaration, here: Collection[str], declared: Collection[str]
) -> None:
    undeclared = [name for name in here if name not in declared]
    if undeclared:
        _refuse(table, f"its columns {', '.join(undeclared)} are not declared")


def _refuse_required(table: Declaration, column: Column, reason: str) -> None:
    if column.is_required:
        _refuse(table, f"{reason}, and it is declared NOT NULL")


def _refuse_unless_wider(table: Declaration, found: StructField, kind: DataType) -> None:
    if not _is_wider(found.dataType, kind):
        types = f"{found.dataType.simpleString()} to {kind.simpleString()}"
        _refuse(table, f"{found.name} would change from {types}")


def _is_wider(found: DataType, declared: DataType) -> bool:
    """True if every value of one type is exactly a value of the other."""
    if isinstance(found, DecimalType) and isinstance(declared, DecimalType):
        whole = declared.precision - declared.scale >= found.precision - found.scale
        return whole and declared.scale >= found.scale
    return isinstance(declared, _WIDER.get(type(found), ()))


def _refuse(table: Declaration, reason: str) -> None:
    message = (
        f"expected {table.name} to fit its declaration, found that {reason}: "
        "declare a new table and copy the data, or correct the declaration"
    )
    raise SchemaChangeError(message)

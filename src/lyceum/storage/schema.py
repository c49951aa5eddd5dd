"""Bringing a table on disk up to its declaration, never at the price of data."""

from pyspark.sql import SparkSession
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

from lyceum.errors import LyceumError
from lyceum.table import Table, quoted, text_literal

_WIDER: dict[type[DataType], tuple[type[DataType], ...]] = {
    ByteType: (ShortType, IntegerType, LongType, DoubleType),
    ShortType: (IntegerType, LongType, DoubleType),
    IntegerType: (LongType, DoubleType),
    FloatType: (DoubleType,),
}


class SchemaChangeError(LyceumError):
    """A declaration asks for a change that could lose data of an existing table."""


def declared_schema(spark: SparkSession, table: Table) -> StructType:
    """The declaration's columns as Spark types."""
    return spark.createDataFrame([], table.columns).schema


def evolve(spark: SparkSession, table: Table, full_name: str) -> None:
    """Add new columns, widen types, relax NOT NULL, renew comments; refuse anything else."""
    present = {field.name: field for field in spark.table(full_name).schema}
    declared = declared_schema(spark, table)
    undeclared = [name for name in present if name not in declared.fieldNames()]
    if undeclared:
        _refuse(table, f"its columns {', '.join(undeclared)} are not declared")
    for statement in [s for field in declared for s in _changes(table, field, present)]:
        spark.sql(f"ALTER TABLE {full_name} {statement}")


def _changes(table: Table, declared: StructField, present: dict[str, StructField]) -> list[str]:
    """The ALTER TABLE clauses that one column needs."""
    name, found = quoted(declared.name), present.get(declared.name)
    if found is None:
        return [_added_column(table, declared)]
    clauses = []
    if found.dataType != declared.dataType:
        if not _is_wider(found.dataType, declared.dataType):
            _refuse(table, _type_change(found, declared))
        clauses.append("SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')")
        clauses.append(f"ALTER COLUMN {name} TYPE {declared.dataType.simpleString()}")
    if found.nullable and not declared.nullable:
        _refuse(table, f"{declared.name} would become NOT NULL and may hold NULL")
    if declared.nullable and not found.nullable:
        clauses.append(f"ALTER COLUMN {name} DROP NOT NULL")
    if _comment(found) != _comment(declared):
        clauses.append(f"ALTER COLUMN {name} COMMENT {text_literal(_comment(declared))}")
    return clauses


def _added_column(table: Table, field: StructField) -> str:
    if not field.nullable:
        _refuse(table, f"its existing rows have no value for the NOT NULL column {field.name}")
    comment = text_literal(_comment(field))
    return f"ADD COLUMNS ({quoted(field.name)} {field.dataType.simpleString()} COMMENT {comment})"


def _is_wider(found: DataType, declared: DataType) -> bool:
    """True if every value of one type is exactly a value of the other, as Delta widens it."""
    if isinstance(found, DecimalType) and isinstance(declared, DecimalType):
        whole = declared.precision - declared.scale >= found.precision - found.scale
        return whole and declared.scale >= found.scale
    return isinstance(declared, _WIDER.get(type(found), ()))


def _type_change(found: StructField, declared: StructField) -> str:
    types = f"{found.dataType.simpleString()} to {declared.dataType.simpleString()}"
    return f"{found.name} would change from {types}"


def _comment(field: StructField) -> str:
    return str(field.metadata.get("comment", ""))


def _refuse(table: Table, reason: str) -> None:
    message = (
        f"expected {table.name} to fit its declaration, found that {reason}: "
        "declare a new table and copy the data, or correct the declaration"
    )
    raise SchemaChangeError(message)

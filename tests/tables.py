"""Tables drawn as text: what a transform gets and what it should give."""

from chispa import assert_df_equality
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F


def draw(spark: SparkSession, text: str, types: dict[str, str] | None = None) -> DataFrame:
    """A DataFrame from lines of cells between `|`; the first line is `name` or `name:type`.

    A type is STRING unless it is given; the cell NULL is a NULL, an empty cell an empty string.
    """
    header, *lines = [_cells(line) for line in text.strip().splitlines()]
    names = [cell.partition(":")[0] for cell in header]
    kinds = [cell.partition(":")[2] or (types or {}).get(name, "string")
             for cell, name in zip(header, names, strict=True)]  # fmt: skip
    rows = [[None if cell == "NULL" else cell for cell in line] for line in lines]
    frame = spark.createDataFrame(rows, ", ".join(f"`{name}` STRING" for name in names))
    return frame.select(
        *(_typed(name, kind).alias(name) for name, kind in zip(names, kinds, strict=True))
    )


def assert_rows(actual: DataFrame, text: str) -> None:
    """The frame has exactly the drawn rows, in any order, in the columns that are drawn."""
    types = {field.name: field.dataType.simpleString() for field in actual.schema}
    expected = draw(actual.sparkSession, text, types)
    drawn = actual.select(*expected.columns)
    assert_df_equality(
        drawn,
        expected,
        ignore_nullable=True,
        ignore_row_order=True,
        ignore_metadata=True,
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def _typed(name: str, kind: str) -> Column:
    if kind.startswith(("array", "struct", "map")):
        return F.from_json(name, kind)
    return F.col(name).cast(kind)

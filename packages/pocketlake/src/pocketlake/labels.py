"""What a workspace learns of a table beyond its DDL: its key and its personal columns."""

import hashlib
from collections.abc import Sequence

from pyspark.sql import SparkSession

from pocketlake.declaration import Declaration, quoted, required_columns
from pocketlake.engine import Place

_MARK = "pocketlake.labels"


def labels(table: Declaration, place: Place) -> list[str]:
    """The statements that tell the catalog; each may be repeated.

    A primary key is information for people and for joins: nothing checks it. A key that may be NULL
    cannot be one.
    """
    told = []
    if table.keys and set(table.keys) <= set(required_columns(table)):
        name = quoted(f"{place.name.rpartition('.')[2].strip('`')}_key")
        keys = ", ".join(quoted(key) for key in table.keys)
        told += [
            f"ALTER TABLE {place.name} DROP PRIMARY KEY IF EXISTS",
            f"ALTER TABLE {place.name} ADD CONSTRAINT {name} PRIMARY KEY ({keys})",
        ]
    return told + [
        f"ALTER TABLE {place.name} ALTER COLUMN {quoted(column)} SET TAGS ('personal' = 'true')"
        for column in table.personal
    ]


def tell(spark: SparkSession, table: Declaration, place: Place, statements: Sequence[str]) -> None:
    """Run the statements unless the table, with these columns, was told just them.

    Whoever is killed in between runs them again, all. A view over the table has its columns of the
    time when it was made: with others it is made anew.
    """
    if not statements:
        return
    mark = hashlib.sha256("\n".join([table.columns, *statements]).encode()).hexdigest()[:16]
    shown = spark.sql(f"SHOW TBLPROPERTIES {place.name} ('{_MARK}')").collect()
    if mark in [row.value for row in shown]:
        return
    for statement in statements:
        spark.sql(statement)
    spark.sql(f"ALTER TABLE {place.name} SET TBLPROPERTIES ('{_MARK}' = '{mark}')")

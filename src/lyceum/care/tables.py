"""Erasure in tables: the identifier becomes a pseudonym, what else is personal in the row NULL.

The rows of one person are few: they are taken to this process, changed and merged, in one commit a
table. So keys, joins and figures stay, and a table that is computed again from others that were
changed the same way comes out the same.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.care.columns import emptied, named, replaced
from lyceum.care.maintain import Undeclared
from lyceum.care.person import People, Person
from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import folders, tables
from lyceum.model.table import Table
from pocketlake.declaration import declared_columns

_GONE = "_is_gone"
_TEXTS = ("detail", "raw", "_raw", "_rescued", "row_key", "cells", "value", "headers", "record_key")


@dataclass(frozen=True)
class Found:
    """The rows of a table that name somebody."""

    table: Table | Undeclared
    rows: pa.Table
    counts: Counter[Person]
    """How many rows name whom."""


def person_fields() -> frozenset[str]:
    """The names under which persons are known: columns of data, of tables and of files."""
    of_data = [table for table in tables() if table.layer != "ops"]
    declared = [*(table.person for table in of_data), *(files.person for files in folders())]
    return frozenset(name for names in declared for name in names) - {*_TEXTS}


def person_columns(table: Table) -> tuple[str, ...]:
    """The columns that may name a person: those declared, else those named as elsewhere."""
    if table.person:
        return table.person
    known = person_fields()
    return tuple(c.name for c in declared_columns(table.columns) if c.name in known)


def find_rows(lake: Lakehouse, people: People) -> Iterator[Found]:
    """The rows that name somebody, table by table.

    A materialized view of a workspace is left out: its pipeline computes it again.
    """
    for table in tables():
        columns = person_columns(table)
        if not columns or not lake.exists(table) or lake.is_materialized(table):
            continue
        yield from _found(lake, people, table, columns)
    yield from find_hidden_rows(lake, people)


def _found(
    lake: Lakehouse, people: People, table: Table | Undeclared, columns: Sequence[str]
) -> Iterator[Found]:
    if not columns:
        return
    frame = lake.read(table)
    might = reduce(or_, (_contains(frame, name, people) for name in columns))
    rows = frame.where(might).toArrow()
    who = named(rows, people, columns)
    if any(who):
        rows = rows.filter(pa.array([bool(one) for one in who]))
        yield Found(table, rows, Counter(person for one in who for person in one))


def find_hidden_rows(lake: Lakehouse, people: People) -> Iterator[Found]:
    """The same of tables that nobody declares: what AUTO CDC keeps beside its targets."""
    known = {(lake.config.schemas[table.layer], table.short_name) for table in tables()}
    personal = tuple(
        {name for table in tables() for name in table.personal if table.layer != "ops"}
    )
    for schema, name in lake.tables():
        if (schema, name) in known:
            continue
        frame = lake.read(Undeclared(f"{schema}.{name}"))
        columns = [f.name for f in frame.schema if f.dataType.simpleString() == "string"]
        ddl = ", ".join(f"`{f.name}` {f.dataType.simpleString()}" for f in frame.schema)
        table = Undeclared(f"{schema}.{name}", ddl, person=tuple(columns), personal=personal)
        yield from _found(lake, people, table, columns)


def rewrite_hidden_rows(lake: Lakehouse, people: People, found: Found) -> None:
    """Write such a table without the people, in one commit; it has no keys to merge by."""
    frame, columns = lake.read(found.table), found.table.person
    might = reduce(or_, (F.coalesce(_contains(frame, n, people), F.lit(False)) for n in columns))
    rows = frame.where(might).toArrow()
    who = pa.array([bool(one) for one in named(rows, people, columns)], pa.bool_())
    new = replaced(rows.filter(who), people, columns)
    others = {*found.table.personal} - person_fields()
    new = pa.concat_tables([emptied(new, others), rows.filter(pc.invert(who))])
    same = frame.where(~might)
    lake.replace(found.table, same.unionByName(lake.spark.createDataFrame(new)))


def rewrite_rows(lake: Lakehouse, people: People, found: Found) -> bool:
    """Put the rows without the people in the place of those with; False if nothing changes.

    A number that identifies stays: without the other columns it tells nothing.
    """
    if isinstance(found.table, Undeclared):
        rewrite_hidden_rows(lake, people, found)
        return True
    table, columns = found.table, person_columns(found.table)
    new = replaced(found.rows, people, columns)
    new = emptied(new, {*table.personal} - {*columns})
    if new.equals(found.rows):
        return False
    rows = _flagged(lake, new, gone=False)
    keys = list(table.keys)
    if not new.select(keys).equals(found.rows.select(keys)):
        rows = rows.unionAll(_flagged(lake, _with_other_keys(found.rows, new, keys), gone=True))
    lake.merge(table, rows, deleted=_GONE)
    return True


def _with_other_keys(old: pa.Table, new: pa.Table, keys: list[str]) -> pa.Table:
    """The old rows whose keys the new ones do not have."""
    before, after = old.select(keys).to_pylist(), new.select(keys).to_pylist()
    return old.filter(pa.array([a != b for a, b in zip(before, after, strict=True)]))


def _flagged(lake: Lakehouse, rows: pa.Table, *, gone: bool) -> DataFrame:
    return lake.spark.createDataFrame(rows).withColumn(_GONE, F.lit(gone))


def _contains(frame: DataFrame, name: str, people: People) -> Column:
    """True where the column might name somebody; the exact answer is given row by row."""
    column = F.col(f"`{name}`")
    if frame.schema[name].dataType.simpleString().startswith("array"):
        column = F.array_join(column, "\n")
    return F.upper(column.cast("string")).rlike(people.pattern)

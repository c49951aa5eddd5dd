"""AUTO CDC in columns: of the changes of some keys their latest rows, or their versions.

The set of changes decides, never their order or how often they come. Of several changes of one key
and sequence a delete wins, else the greatest values.
"""

from collections.abc import Iterable
from typing import Literal

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, MapType

from bundlerun.pipelines.changes import DELETED, END, SEQUENCE, START, Target

IS_LAST = "__is_last"
_IS_FIRST, _ENDS, _WAS_HIDDEN, _REPEATS = "__is_first", "__ends", "__was_hidden", "__repeats"
_BUCKETS = 64
"""Windows of a bucket and not of a key: a million tiny partitions cost seven times as much."""


def latest(changes: DataFrame, target: Target) -> DataFrame:
    """The last change of each key."""
    keys = _struct(target.keys)
    window = _window(target, F.col(SEQUENCE).desc(), *_winner_first(changes, target))
    repeats = F.lag(keys).over(window).eqNullSafe(keys)
    return changes.withColumn(_REPEATS, repeats).where(~F.col(_REPEATS)).drop(_REPEATS)


def marked(changes: DataFrame, hidden: DataFrame, target: Target) -> DataFrame:
    """Each change once, and what it is to its version: the first, the last, its end."""
    flagged = hidden.withColumn(_WAS_HIDDEN, F.lit(True))
    once = _once(changes, target)
    once = matched(once, flagged, (*target.keys, SEQUENCE), "left", kept=[_WAS_HIDDEN])
    window = _window(target, F.col(SEQUENCE))
    tracked = enumerate(_comparable(changes, target.tracked))
    state = F.struct(*_quoted(target.keys), DELETED, *(c.alias(f"v{n}") for n, c in tracked))
    alive = F.struct(*_quoted(target.keys), F.lit(False).alias(DELETED))
    ends = F.lag(F.struct(*_quoted(target.keys), DELETED)).over(window).eqNullSafe(alive)
    return once.select(
        *_quoted((*target.keys, *target.values, SEQUENCE, DELETED)),
        (~F.lag(state).over(window).eqNullSafe(state)).alias(_IS_FIRST),
        (~F.lead(state).over(window).eqNullSafe(state) & ~F.col(DELETED)).alias(IS_LAST),
        (F.col(DELETED) & ends).alias(_ENDS),
        F.coalesce(_WAS_HIDDEN, F.lit(False)).alias(_WAS_HIDDEN),
    )


def versions(changes: DataFrame, target: Target) -> DataFrame:
    """The versions of the keys: each holds from its start until the next one, or a delete."""
    bounds = changes.where(f"{DELETED} OR {_IS_FIRST} OR {IS_LAST}")
    window = _window(target, F.col(SEQUENCE))
    keys = _struct(target.keys)
    before = F.lag(SEQUENCE).over(window)
    is_followed = F.lead(keys).over(window).eqNullSafe(keys)
    spans = bounds.withColumns(
        {
            START: F.when(F.col(_IS_FIRST), F.col(SEQUENCE)).otherwise(before),
            END: F.when(is_followed, F.lead(SEQUENCE).over(window)),
        }
    )
    return spans.where(IS_LAST).select(*_quoted((*target.keys, *target.values, START, END)))


def to_hide(changes: DataFrame, target: Target) -> DataFrame:
    """The changes that the versions do not tell: repeats, and deletes that end none."""
    is_told = f"({_IS_FIRST} AND {IS_LAST}) OR {_ENDS}"
    found = changes.where(f"NOT ({is_told}) OR {_WAS_HIDDEN}")
    return found.select(*_quoted((*target.keys, *target.values, SEQUENCE, DELETED, IS_LAST)))


def told_by(found: DataFrame, hidden: DataFrame, target: Target) -> DataFrame:
    """The changes behind versions: each start, and each end that is no start, which is a delete.

    A hidden change is what a start really was; the version has the values of its last change.
    """
    columns = (*target.keys, *target.values, SEQUENCE, DELETED)
    starts = found.withColumn(SEQUENCE, F.col(START)).withColumn(DELETED, F.lit(False))
    starts = matched(starts, hidden, (*target.keys, SEQUENCE), "left_anti")
    ends = found.where(F.col(END).isNotNull()).withColumn(SEQUENCE, F.col(END))
    ends = ends.withColumn(DELETED, F.lit(True))
    begun = found.select(*_quoted(target.keys), F.col(START).alias(SEQUENCE))
    ends = matched(ends, begun, (*target.keys, SEQUENCE), "left_anti")
    types = {field.name: field.dataType for field in found.schema}
    nulls = {name: F.lit(None).cast(types[name]) for name in target.values}
    ends = ends.withColumns(nulls) if nulls else ends
    return starts.select(*_quoted(columns)).unionByName(ends.select(*_quoted(columns)))


def matched(
    rows: DataFrame,
    others: DataFrame,
    names: Iterable[str],
    how: Literal["inner", "left", "left_semi", "left_anti"],
    kept: Iterable[str] = (),
) -> DataFrame:
    """Rows joined with others that have the same values in some columns, NULL being a value.

    Args:
        rows: The left side, whose columns stay.
        others: The right side, of which only `kept` stays.
        names: Columns of both.
        how: The kind of the join.
        kept: Columns that `rows` has not.
    """
    side, condition = [F.col(f"`{name}`") for name in kept], F.lit(True)
    types = {field.name: field.dataType for field in others.schema}
    for number, name in enumerate(names):
        column = _ordered(name, types[name])
        side.append(column.alias(f"__other_{number}"))
        condition = condition & column.eqNullSafe(F.col(f"__other_{number}"))
    joined = rows.join(others.select(*side), condition, how)
    return joined.select(*_quoted((*rows.columns, *kept)))


def _once(changes: DataFrame, target: Target) -> DataFrame:
    """One change of each key and sequence."""
    window = _window(target, F.col(SEQUENCE), *_winner_first(changes, target))
    this = _struct((*target.keys, SEQUENCE))
    repeats = F.lag(this).over(window).eqNullSafe(this)
    return changes.withColumn(_REPEATS, repeats).where(~F.col(_REPEATS)).drop(_REPEATS)


def _window(target: Target, *order: Column) -> WindowSpec:
    bucket = F.pmod(F.hash(*_quoted(target.keys)), F.lit(_BUCKETS))
    return Window.partitionBy(bucket).orderBy(*_quoted(target.keys), *order)


def _winner_first(changes: DataFrame, target: Target) -> list[Column]:
    return [F.col(DELETED).desc(), *(c.desc() for c in _comparable(changes, target.values))]


def _comparable(rows: DataFrame, names: Iterable[str]) -> list[Column]:
    types = {field.name: field.dataType for field in rows.schema}
    return [_ordered(name, types[name]) for name in names]


def _ordered(name: str, kind: DataType) -> Column:
    """A column that can be compared: the entries of a map have no order."""
    column = F.col(f"`{name}`")
    return F.sort_array(F.map_entries(column)) if isinstance(kind, MapType) else column


def _struct(names: Iterable[str]) -> Column:
    return F.struct(*_quoted(names))


def _quoted(names: Iterable[str]) -> list[Column]:
    return [F.col(f"`{name}`") for name in names]

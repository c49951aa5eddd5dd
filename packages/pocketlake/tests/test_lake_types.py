"""Every type through every writer, and how it comes back."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from contract_lakes import (
    ENGINE,
    OTHER_ENGINE,
    OTHER_PYTHON,
    Table,
    answer,
    child,
    needs_other_engine,
    tuples,
)
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pocketlake import Lake, Written

TYPES = {
    "STRING": ["", "it's \u00fc \U0001f600", " a\nb "],
    "BYTE": [-128, 127],
    "SHORT": [-32768, 32767],
    "INT": [-(2**31), 2**31 - 1],
    "BIGINT": [-(2**63), 2**63 - 1],
    "FLOAT": [0.5, -0.0],
    "DOUBLE": [0.1, 1e300],
    "DECIMAL(38,10)": [Decimal("1234567890123456789012345678.0123456789"), Decimal("-0.0000000001")],
    "DECIMAL(5,2)": [Decimal("999.99"), Decimal("0.00")],
    "BOOLEAN": [True, False],
    "BINARY": [b"", b"\x00\xff"],
    "DATE": [date(1, 1, 1), date(1970, 1, 1), date(9999, 12, 31)],
    "TIMESTAMP": [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, 0, 1, UTC)],
    "TIMESTAMP_NTZ": [datetime(1900, 1, 1), datetime(2026, 3, 29, 2, 30, 0, 1)],  # noqa: DTZ001
    "ARRAY<STRING>": [[], ["", None, "b"]],
    "ARRAY<STRUCT<a: INT, b: STRING>>": [[(1, "x"), None, (None, None)]],
    "MAP<STRING, BIGINT>": [{}, {"a": 1, "b": None}],
    "STRUCT<a: INT, b: STRUCT<c: ARRAY<INT>, d: DATE>>": [
        (1, ([1, None], date(2026, 1, 1))), (None, None),
    ],
}  # fmt: skip


# A write of Spark costs a second and more: there all types go together.
TOGETHER = [[kind] for kind in TYPES] if ENGINE == "embedded" else [list(TYPES)]


def rows_of(lake: Lake, kinds: list[str]) -> tuple[Table, DataFrame]:
    """Each value in a row of its own, in columns that have neighbours with NULLs."""
    columns = [f"v{i} {kind}, w{i} {kind}" for i, kind in enumerate(kinds)]
    table = Table("silver.typed", f"k INT NOT NULL, {', '.join(columns)}")
    longest = max(len(TYPES[kind]) for kind in kinds)
    values = [[*TYPES[kind], *[None] * longest][:longest] for kind in kinds]
    rows = [(k, *(v for column in values for v in (column[k], None))) for k in range(longest)] + [
        (99, *(v for column in values for v in (None, column[0])))
    ]
    return table, lake.rows(table, rows)


@pytest.mark.parametrize("kinds", TOGETHER, ids=lambda kinds: kinds[0])
def test_values_come_back_from_each_writer_as_they_were(lake: Lake, kinds: list[str]) -> None:
    table, rows = rows_of(lake, kinds)
    expected = tuples(rows)
    lake.append(table, rows)
    assert tuples(lake.read(table)) == expected
    assert lake.merge(table, rows).is_nothing
    # A merge writes anew what it changes: the other rows of the file come with it.
    moved = rows.where("k = 99").withColumn("k", F.lit(0))
    assert lake.merge(table, moved) == Written(updated=1)
    assert lake.merge(table, rows) == Written(updated=1)
    assert tuples(lake.read(table)) == expected
    lake.replace(table, rows.where("k = 0"), where="k = 0")
    lake.delete(table, where="k = 99")
    lake.compact(table)
    assert tuples(lake.read(table)) == [row for row in expected if row[0] != 99]
    lake.replace(table, rows)
    assert tuples(lake.read(table)) == expected
    assert [f.dataType for f in lake.read(table).schema] == [f.dataType for f in rows.schema]


@needs_other_engine
@pytest.mark.parametrize("kinds", [list(TYPES)], ids=["all"])
def test_values_come_back_from_the_other_engine_as_they_were(lake: Lake, kinds: list[str]) -> None:
    """Written by both engines in turn, read by both."""
    table, rows = rows_of(lake, kinds)
    expected = [[repr(value) for value in row] for row in tuples(rows)]
    lake.append(table, rows)
    lake.merge(table, rows.where("k = 99").withColumn("k", F.lit(0)))
    process = child(
        lake, "again", table.name, table.columns, python=OTHER_PYTHON, engine=OTHER_ENGINE
    )
    there = json.loads(answer(process))
    here = [[repr(value) for value in row] for row in tuples(lake.read(table))]
    assert there == here
    lake.merge(table, rows)
    assert [[repr(value) for value in row] for row in tuples(lake.read(table))] == expected
    process = child(
        lake, "again", table.name, table.columns, python=OTHER_PYTHON, engine=OTHER_ENGINE
    )
    assert json.loads(answer(process)) == expected


def test_an_empty_text_is_not_null(lake: Lake) -> None:
    table = Table("silver.texts", "k STRING, v STRING")
    lake.merge(table, lake.rows(table, [("", ""), (None, None)]))
    assert lake.merge(table, lake.rows(table, [("", None)])) == Written(updated=1)
    assert tuples(lake.read(table)) == [("", None), (None, None)]


def test_rows_are_tuples_or_mappings(lake: Lake) -> None:
    table = Table("silver.rows", "k STRING, n INT")
    assert tuples(lake.rows(table, [{"n": 1, "k": "a"}, {"k": "b"}])) == [("a", 1), ("b", None)]
    assert lake.rows(table, []).columns == ["k", "n"]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_an_instant_with_a_zone_is_kept_whatever_zone_the_machine_has(
    lake: Lake, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    assert answer(child(lake, "instants")) == "2026-01-02 01:04:05.000006"

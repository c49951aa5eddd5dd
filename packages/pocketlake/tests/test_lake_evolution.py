"""Tables follow their declarations, never at the price of data."""

from datetime import date
from decimal import Decimal

import pytest
from contract_lakes import THINGS, Table, things, tuples, version_of

from pocketlake import Lake, SchemaChangeError
from pocketlake.declaration import NOT_NULL, required_fields


def reopened(lake: Lake) -> Lake:
    """The same lake in a process that has not looked at its tables yet."""
    return Lake(lake.spark, kind=lake.kind, warehouse=lake.warehouse, schemas=lake._schemas)


def table(columns: str) -> Table:
    return Table("silver.things", columns)


def comments(lake: Lake, declared: Table) -> dict[str, str]:
    """What the table on disk says, whichever engine made it."""
    return {f.name: f.metadata.get("comment", "") for f in on_disk(lake, declared)}


def on_disk(lake: Lake, declared: Table) -> list[object]:
    import json
    from pathlib import Path

    from pyspark.sql.types import StructType

    logs = sorted(Path(lake.location(declared), "_delta_log").glob("*.json"))
    actions = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    schemas = [a["metaData"]["schemaString"] for a in actions if "metaData" in a]
    return list(StructType.fromJson(json.loads(schemas[-1])))


def test_a_new_table_is_plain_with_nullable_columns_and_says_what_is_not_null(lake: Lake) -> None:
    lake.ensure(THINGS)
    fields = on_disk(lake, THINGS)
    assert all(field.nullable for field in fields)
    assert [field.metadata.get(NOT_NULL) for field in fields] == ["true", None, None]
    assert comments(lake, THINGS) == {"k": "the key", "n": "", "m": ""}


def test_ensure_again_changes_nothing(lake: Lake) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    before = version_of(lake, THINGS)
    reopened(lake).ensure(THINGS, THINGS)
    assert version_of(lake, THINGS) == before


def test_a_new_column_has_no_values_and_its_comment(lake: Lake) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    newer = table(
        "k STRING NOT NULL COMMENT 'the key', new ARRAY<DATE> COMMENT 'it''s new', n INT, m INT"
    )
    lake.merge(newer, lake.rows(newer, [("b", [date(2026, 1, 1)], 2, 2)]))
    assert tuples(lake.read(newer).select("k", "new", "n")) == [
        ("a", None, 1), ("b", [date(2026, 1, 1)], 2),
    ]  # fmt: skip
    assert comments(lake, newer) == {"k": "the key", "new": "it's new", "n": "", "m": ""}
    assert required_fields(on_disk(lake, newer)) == {"k"}
    assert reopened(lake).merge(newer, lake.read(newer)).is_nothing


@pytest.mark.parametrize(
    ("narrow", "wide", "value", "widest"),
    [
        ("INT", "BIGINT", 7, 2**40),
        ("BYTE", "INT", 7, 2**20),
        ("SHORT", "BIGINT", 7, 2**40),
        ("INT", "DOUBLE", 7, 0.5),
        ("FLOAT", "DOUBLE", 0.5, 0.1),
        ("DECIMAL(5,2)", "DECIMAL(12,4)", Decimal("1.25"), Decimal("12345678.1234")),
    ],
)
def test_a_wider_type_keeps_the_values_the_comments_and_the_table(
    lake: Lake, narrow: str, wide: str, value: object, widest: object
) -> None:
    first = table(f"k STRING NOT NULL COMMENT 'key', n {narrow} COMMENT 'number'")
    lake.append(first, lake.rows(first, [("a", value), ("b", None)]))
    made = lake.version(first)
    second = table(f"k STRING NOT NULL COMMENT 'key', n {wide} COMMENT 'a number', more INT")
    lake.append(second, lake.rows(second, [("c", widest, 1)]))
    assert tuples(lake.read(second).select("k", "n", "more")) == [
        ("a", value, None), ("b", None, None), ("c", widest, 1),
    ]  # fmt: skip
    assert lake.version(second).table_id == made.table_id
    assert comments(lake, second) == {"k": "key", "n": "a number", "more": ""}
    assert required_fields(on_disk(lake, second)) == {"k"}
    assert tuples(lake.read(second, version=made.number).select("k", "n")) == [
        ("a", value), ("b", None),
    ]  # fmt: skip


def test_comments_follow_the_declaration_and_can_be_taken_back(lake: Lake) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    lake.ensure(table("k STRING NOT NULL, n INT COMMENT 'a number', m INT"))
    assert comments(lake, THINGS) == {"k": "", "n": "a number", "m": ""}
    assert required_fields(on_disk(lake, THINGS)) == {"k"}
    before = version_of(lake, THINGS)
    reopened(lake).ensure(table("k STRING NOT NULL, n INT COMMENT 'a number', m INT"))
    assert version_of(lake, THINGS) == before


def test_a_not_null_that_is_given_up_is_not_declared_again(lake: Lake) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    relaxed = table("k STRING COMMENT 'the key', n INT, m INT")
    lake.append(relaxed, lake.rows(relaxed, [(None, 1, 1)]))
    assert required_fields(on_disk(lake, THINGS)) == set()
    with pytest.raises(SchemaChangeError, match="k may hold NULL"):
        reopened(lake).ensure(THINGS)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ("k STRING NOT NULL, n SMALLINT, m INT", "n would change from int to smallint"),
        ("k STRING NOT NULL, n STRING, m INT", "n would change from int to string"),
        ("k STRING NOT NULL, n FLOAT, m INT", "n would change from int to float"),
        ("k STRING NOT NULL, n INT", "its columns m are not declared"),
        (
            "k STRING NOT NULL, n INT NOT NULL, m INT",
            "n may hold NULL, and it is declared NOT NULL",
        ),
        ("k STRING NOT NULL, n INT, m INT, x INT NOT NULL", "no value for x, and it is declared"),
    ],
)
def test_what_could_lose_data_is_refused_in_one_line(lake: Lake, columns: str, reason: str) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    before = version_of(lake, THINGS)
    with pytest.raises(SchemaChangeError) as raised:
        lake.append(table(columns), things(lake, ("b", 1, 1)))
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)
    assert version_of(lake, THINGS) == before


def test_reading_creates_and_evolves_nothing(lake: Lake) -> None:
    assert lake.read(THINGS).columns == ["k", "n", "m"]
    assert tuples(lake.read(THINGS)) == []
    assert not lake.exists(THINGS)
    newer = table("k STRING NOT NULL, n INT, m INT, new INT")
    lake.append(newer, lake.rows(newer, [("a", 1, 1, 1)]))
    before = version_of(lake, newer)
    assert reopened(lake).read(THINGS).columns == ["k", "n", "m", "new"]
    assert version_of(lake, newer) == before

"""One table, two engines: what one makes the other reads, writes and evolves."""

import pytest
from contract_lakes import (
    ENGINE,
    OTHER_ENGINE,
    OTHER_PYTHON,
    THINGS,
    Table,
    answer,
    child,
    needs_other_engine,
    things,
    tuples,
    version_of,
)
from test_lake_evolution import comments, reopened

from pocketlake import Lake, SchemaChangeError, UnsupportedTableError, Written

pytestmark = needs_other_engine

WIDER = Table("silver.things", "k STRING COMMENT 'key', n BIGINT, m INT, day DATE COMMENT 'a day'")


def other(lake: Lake, action: str, *args: object) -> str:
    process = child(lake, action, *args, python=OTHER_PYTHON, engine=OTHER_ENGINE)
    return answer(process)


def test_a_table_is_written_and_evolved_by_both_in_turn(lake: Lake) -> None:
    lake.merge(THINGS, things(lake, ("a", 1, 1), ("gone", 2, None)))
    made = lake.version(THINGS)
    assert other(lake, "grow", WIDER.name, WIDER.columns) == "1"
    assert tuples(lake.read(WIDER)) == [("a", 1, 1, None), ("grown", 2**40, None, None)]
    assert comments(lake, WIDER) == {"k": "key", "n": "", "m": "", "day": "a day"}
    assert lake.version(WIDER).table_id == made.table_id
    # Then this engine again, on what the other one left.
    with pytest.raises(SchemaChangeError, match="k may hold NULL"):
        reopened(lake).ensure(
            Table("silver.things", WIDER.columns.replace("STRING", "STRING NOT NULL"))
        )
    written = reopened(lake).merge(WIDER, lake.read(WIDER).where("k = 'a'"), delete="true")
    assert written == Written(deleted=1)
    lake.replace(WIDER, lake.read(WIDER).where("n = 1"), where="n = 1")
    lake.compact(WIDER)
    lake.vacuum(WIDER, retain_hours=0)
    assert tuples(lake.read(WIDER)) == [("a", 1, 1, None)]


def test_a_table_that_the_other_made_is_evolved_here(lake: Lake) -> None:
    first = Table("silver.things", "k STRING NOT NULL COMMENT 'the key', n BIGINT NOT NULL")
    other(lake, "grow", first.name, first.columns)
    more = Table("silver.things", "k STRING COMMENT 'other', n DECIMAL(20,0), m INT")
    with pytest.raises(SchemaChangeError, match="n would change from bigint"):
        lake.ensure(more)
    more = Table("silver.things", "k STRING COMMENT 'other', m INT, n BIGINT NOT NULL")
    lake.append(more, lake.rows(more, [(None, 1, 2)]))
    assert comments(lake, more) == {"k": "other", "n": "", "m": ""}
    assert tuples(lake.read(more).select("k", "n", "m")) == [
        ("grown", 2**40, None), (None, 2, 1),
    ]  # fmt: skip
    assert other(lake, "grow", more.name, more.columns) == "0"


def test_an_append_once_is_once_for_both(lake: Lake) -> None:
    assert other(lake, "append_once", "other") == "True"
    assert not lake.append(THINGS, things(lake, ("here", 1, 1)), once=("delivery", 7))
    assert lake.append(THINGS, things(lake, ("here", 1, 1)), once=("delivery", 8))
    assert other(lake, "append_once", "other") == "False"


@pytest.mark.skipif(ENGINE != "embedded", reason="Spark writes every table of Spark")
@pytest.mark.parametrize(
    ("feature", "clause"),
    [
        ("clustering", "CLUSTER BY (k)"),
        ("deletionVectors", "TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')"),
    ],
)
def test_a_table_with_a_feature_of_spark_is_read_and_not_written(
    lake: Lake, feature: str, clause: str
) -> None:
    path = lake.location(THINGS).replace("'", "\\'")
    other(
        lake,
        "run_sql",
        f"CREATE TABLE spark_catalog.default.t (k STRING, n INT, m INT) USING DELTA {clause}"
        f" LOCATION '{path}'",
        "INSERT INTO spark_catalog.default.t VALUES ('a', 1, 1), ('b', 2, 2)",
        "DELETE FROM spark_catalog.default.t WHERE k = 'b'",
    )
    table = Table("silver.things", "k STRING, n INT, m INT")
    assert tuples(lake.read(table)) == [("a", 1, 1)]
    before = version_of(lake, table)
    rows = lake.rows(table, [("a", 5, 5)])
    for write in (
        lambda: lake.append(table, rows),
        lambda: lake.merge(table, rows),
        lambda: lake.replace(table, rows),
        lambda: lake.delete(table, where="true"),
        lambda: lake.compact(table),
        lambda: lake.vacuum(table),
        lambda: lake.ensure(Table("silver.things", "k STRING, n INT, m INT, x INT")),
    ):
        with pytest.raises(UnsupportedTableError) as raised:
            write()
        assert feature in str(raised.value)
        assert "\n" not in str(raised.value)
    assert version_of(lake, table) == before

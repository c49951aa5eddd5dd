"""Delta on disk: declarations become tables, and every write can be done twice."""

from dataclasses import replace as replaced
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from lyceum.storage import (
    Lakehouse,
    SchemaChangeError,
    append_once,
    clear,
    delete,
    merge,
    replace,
)
from lyceum.table import Table
from tables import assert_rows, draw

THINGS = Table(
    name="silver.things",
    grain="one row per thing",
    keys=("id",),
    columns="""
        id STRING NOT NULL COMMENT 'Identifier',
        size INT COMMENT 'Size in metres',
        payload VARIANT COMMENT 'What came',
        updated_at TIMESTAMP COMMENT 'Last change'
    """,
)


def things(lake, text):
    header, *lines = text.strip().splitlines()
    assert header.split() == ["id", "|", "size", "|", "payload", "|", "updated_at"]
    types = "id | size:int | payload:variant | updated_at:timestamp"
    return draw(lake.spark, "\n".join([types, *lines]))


def version(lake, table=THINGS):
    history = lake.spark.sql(f"DESCRIBE HISTORY {lake.name(table)} LIMIT 1")
    return history.collect()[0].version


def files(lake):
    """Every file of the table, committed or not."""
    return sorted(p.name for p in Path(lake.config.location(THINGS)).rglob("*.parquet"))


def reopened(lake):
    """The same tables as another process sees them."""
    lake.spark.sql(f"DROP TABLE IF EXISTS {lake.name(THINGS)}")
    return Lakehouse(lake.spark, lake.config)


FIRST = """
    id | size | payload   | updated_at
    a  | 1    | {"x":1}   | 2026-01-01 00:00:00
    b  | NULL | {"x":[2]} | 2026-01-01 00:00:00
"""


def test_a_merge_inserts_updates_and_leaves_the_unchanged_alone(lake):
    written = merge(lake, THINGS, things(lake, FIRST))
    assert (written.inserted, written.updated) == (2, 0)

    second = """
        id | size | payload   | updated_at
        a  | NULL | {"x":1}   | 2026-01-02 00:00:00
        b  | NULL | {"x":[2]} | 2026-01-02 00:00:00
        c  | 3    | NULL      | 2026-01-02 00:00:00
    """
    written = merge(lake, THINGS, things(lake, second), unless_only=["updated_at"])
    assert (written.inserted, written.updated) == (1, 1)
    assert_rows(
        lake.read(THINGS),
        """
        id | size | payload   | updated_at
        a  | NULL | {"x":1}   | 2026-01-02 00:00:00
        b  | NULL | {"x":[2]} | 2026-01-01 00:00:00
        c  | 3    | NULL      | 2026-01-02 00:00:00
        """,
    )


def test_an_unchanged_second_merge_writes_no_file_and_no_commit(lake):
    merge(lake, THINGS, things(lake, FIRST))
    before, files_before = version(lake), files(lake)
    for prune in (False, True):
        written = merge(lake, THINGS, things(lake, FIRST), prune=prune)
        assert written.is_nothing
    assert version(lake) == before
    assert files(lake) == files_before


def test_a_variant_that_changed_is_updated(lake):
    merge(lake, THINGS, things(lake, FIRST))
    changed = FIRST.replace('{"x":[2]}', '{"x":[3]}')
    assert merge(lake, THINGS, things(lake, changed)).updated == 1


@pytest.mark.parametrize(("small_bytes", "marked"), [(8 * 2**20, 0), (0, 1)])
def test_only_in_a_large_table_are_rows_marked_instead_of_written_again(
    lake, monkeypatch, small_bytes, marked
):
    monkeypatch.setattr("lyceum.storage.writes._SMALL_BYTES", small_bytes)
    table = replaced(THINGS, name="silver.marked", deletion_vectors=True)
    merge(lake, table, things(lake, FIRST).coalesce(1))
    assert merge(lake, table, things(lake, FIRST.replace("NULL", "2"))).updated == 1
    history = lake.spark.sql(f"DESCRIBE HISTORY {lake.name(table)} LIMIT 1").collect()[0]
    assert int(history.operationMetrics["numTargetDeletionVectorsAdded"]) == marked
    assert_rows(
        lake.read(table),
        """
        id | size | payload   | updated_at
        a  | 1    | {"x":1}   | 2026-01-01 00:00:00
        b  | 2    | {"x":[2]} | 2026-01-01 00:00:00
        """,
    )


def test_an_append_counts_once_for_its_app_and_version(lake):
    rows = things(lake, FIRST)
    for _ in range(2):
        append_once(lake, THINGS, rows, app="load-1", version=1)
    assert lake.read(THINGS).count() == 2
    append_once(lake, THINGS, rows, app="load-1", version=2)
    append_once(lake, THINGS, rows, app="load-2", version=1)
    assert lake.read(THINGS).count() == 6


def test_a_replacement_takes_the_place_of_all_rows_and_keeps_the_clustering(lake):
    for _ in range(2):
        replace(lake, THINGS, things(lake, FIRST))
    assert lake.read(THINGS).count() == 2
    detail = lake.spark.sql(f"DESCRIBE DETAIL {lake.name(THINGS)}").collect()[0]
    assert detail.clusteringColumns == ["id"]


def test_a_replacement_of_a_slice_leaves_the_rest(lake):
    replace(lake, THINGS, things(lake, FIRST))
    only_a = things(lake, FIRST).where("id = 'a'").withColumn("size", F.lit(9))
    replace(lake, THINGS, only_a, where=F.col("id") == "a")
    delete(lake, THINGS, where=F.col("id") == "b")
    assert_rows(
        lake.read(THINGS),
        """
        id | size
        a  | 9
        """,
    )


def test_clearing_an_empty_table_makes_no_commit(lake):
    replace(lake, THINGS, things(lake, FIRST))
    clear(lake, THINGS)
    before = version(lake)
    clear(lake, THINGS)
    assert lake.read(THINGS).isEmpty()
    assert version(lake) == before


def test_a_table_is_found_again_by_another_session(lake):
    replace(lake, THINGS, things(lake, FIRST))
    assert reopened(lake).read(THINGS).count() == 2


def test_new_columns_wider_types_and_comments_reach_an_existing_table(lake):
    replace(lake, THINGS, things(lake, FIRST))
    columns = THINGS.columns.replace("size INT COMMENT 'Size in metres'", """
        size BIGINT COMMENT 'Size in millimetres', colour STRING COMMENT 'Colour'""")  # fmt: skip
    newer = replaced(THINGS, columns=columns.replace("id STRING NOT NULL", "id STRING"))
    rows = reopened(lake).read(newer)
    assert_rows(
        rows,
        """
        id | size | colour
        a  | 1    | NULL
        b  | NULL | NULL
        """,
    )
    kinds = {field.name: field.dataType.simpleString() for field in rows.schema}
    assert kinds["size"] == "bigint"
    assert rows.schema["size"].metadata["comment"] == "Size in millimetres"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "size INT COMMENT 'Size in metres',",
            "",
            "its columns size are not declared",
        ),
        ("size INT", "size STRING", "size would change from int to string"),
        ("size INT", "size SMALLINT", "size would change from int to smallint"),
        ("size INT", "size INT NOT NULL", "size would become NOT NULL and may hold NULL"),
        (
            "updated_at TIMESTAMP",
            "owner STRING NOT NULL COMMENT 'Owner', updated_at TIMESTAMP",
            "its existing rows have no value for the NOT NULL column owner",
        ),
    ],
)
def test_a_change_that_would_lose_data_is_refused(lake, old, new, reason):
    replace(lake, THINGS, things(lake, FIRST))
    changed = replaced(THINGS, columns=THINGS.columns.replace(old, new))
    with pytest.raises(SchemaChangeError, match=f"expected silver.things to fit .* {reason}"):
        reopened(lake).read(changed)
    assert reopened(lake).read(THINGS).count() == 2


def test_schemas_are_named_as_configured(lake):
    prefixed = replaced(lake.config, schemas={"silver": "dev_silver"})
    other = Lakehouse(lake.spark, prefixed)
    try:
        other.ensure(THINGS)
        assert other.tables_on_disk() == [("dev_silver", "things")]
    finally:
        lake.spark.sql("DROP SCHEMA dev_silver CASCADE")

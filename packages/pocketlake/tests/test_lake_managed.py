"""Tables that the catalog manages, as in a workspace: all features, changed in place."""

import pytest
from contract_lakes import ENGINE, Table, tuples
from pyspark.sql import SparkSession

from pocketlake import Lake, NotNullError, SchemaChangeError, Written

pytestmark = pytest.mark.skipif(ENGINE != "spark", reason="the embedded engine has no such tables")

FIRST = Table(
    "silver.managed", "k STRING NOT NULL COMMENT 'key', n INT NOT NULL", clustering=("k",)
)


@pytest.fixture
def managed(spark: SparkSession, request: pytest.FixtureRequest) -> Lake:
    schema = f"managed_{abs(hash(request.node.name))}"
    spark.sql(f"CREATE SCHEMA {schema}")
    lake = Lake(spark, kind="spark", warehouse=None, schemas={"silver": schema})
    lake.merge(FIRST, lake.rows(FIRST, [("a", 1), ("b", 2)]))
    return lake


def test_a_managed_table_has_its_not_nulls_clustering_and_comments(managed: Lake) -> None:
    detail = managed.spark.sql(f"DESCRIBE DETAIL {managed.name(FIRST)}").collect()[0]
    assert detail.clusteringColumns == ["k"]
    assert detail.description == "One row a key"
    schema = managed.read(FIRST).schema
    assert [field.nullable for field in schema] == [False, False]
    assert schema["k"].metadata["comment"] == "key"
    assert managed.location(FIRST) is None
    assert [name for _, name in managed.tables()] == [FIRST.name.partition(".")[2]]


def test_a_managed_table_is_evolved_in_place(managed: Lake) -> None:
    second = Table(
        "silver.managed", "k STRING NOT NULL COMMENT 'its key', n BIGINT, day DATE COMMENT 'a day'"
    )
    files = managed.spark.table(managed.name(FIRST)).inputFiles()
    managed.append(second, managed.rows(second, [("c", None, None), ("d", 2**40, None)]))
    assert tuples(managed.read(second)) == [
        ("a", 1, None), ("b", 2, None), ("c", None, None), ("d", 2**40, None),
    ]  # fmt: skip
    assert set(files) <= set(managed.spark.table(managed.name(FIRST)).inputFiles())
    schema = managed.read(second).schema
    assert [field.nullable for field in schema] == [False, True, True]
    assert schema["k"].metadata["comment"] == "its key"
    with pytest.raises(SchemaChangeError, match="its columns day are not declared"):
        managed.ensure(Table("silver.managed", "k STRING NOT NULL, n BIGINT NOT NULL"))


def test_the_writers_work_on_a_managed_table(managed: Lake) -> None:
    version = managed.version(FIRST)
    assert managed.merge(FIRST, managed.rows(FIRST, [("a", 1)])).is_nothing
    assert managed.version(FIRST) == version
    written = managed.merge(FIRST, managed.rows(FIRST, [("a", 5), ("c", 1)]), delete="true")
    assert written == Written(inserted=1, updated=1, deleted=1)
    with pytest.raises(NotNullError):
        managed.append(FIRST, managed.rows(FIRST, [("z", None)]))
    managed.replace(FIRST, managed.rows(FIRST, [("a", 6)]), where="n = 6 OR n = 5")
    assert managed.delete(FIRST, where="k = 'c'") == 1
    assert tuples(managed.read(FIRST)) == [("a", 6)]
    assert [c.operation for c in managed.history(FIRST, limit=2)] == ["DELETE", "WRITE"]

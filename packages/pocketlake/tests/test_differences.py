"""Where the engines differ, the form that gives the same rows on both (`docs/engines.md`)."""

import json
from pathlib import Path

import pytest
from contract_lakes import Lake, Table, tuples
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

PAYLOAD = json.dumps(
    {"id": 12345678901234567890, "data": {"sessions": [{"n": 1}, {"n": 2, "x": None}]}}
)


def one(frame: DataFrame) -> object:
    (row,) = frame.collect()
    return row[0]


def test_elements_of_a_payload_are_texts_again(spark: SparkSession) -> None:
    """Instead of VARIANT: texts, parsed level by level."""
    payloads = spark.createDataFrame([(PAYLOAD,), ("{}",), ("no json",), (None,)], "p STRING")
    parsed = F.from_json("p", "data struct<sessions array<string>>")["data"]["sessions"]
    elements = payloads.select(F.explode(parsed).alias("s")).collect()
    assert [json.loads(row.s) for row in elements] == [{"n": 1}, {"n": 2, "x": None}]


def test_a_big_integer_of_a_payload_keeps_its_digits(spark: SparkSession) -> None:
    payloads = spark.createDataFrame([(PAYLOAD,)], "p STRING")
    assert one(payloads.select(F.get_json_object("p", "$.id"))) == "12345678901234567890"


def test_the_latest_row_of_a_key_is_found_by_row_number(spark: SparkSession) -> None:
    """Instead of max_by and max over a struct, which are slow on one engine."""
    rows = spark.createDataFrame(
        [("a", 1, "x"), ("a", 2, "y"), ("a", 2, "z"), ("b", None, "w")],
        "k STRING, at INT, v STRING",
    )
    latest = Window.partitionBy("k").orderBy(F.col("at").desc_nulls_last(), F.col("v").desc())
    kept = rows.withColumn("r", F.row_number().over(latest)).where("r = 1").drop("r")
    assert tuples(kept) == [("a", 2, "z"), ("b", None, "w")]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-02T03:04:05+02:00", "2026-01-02 01:04:05"),
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05.25-05:30", "2026-01-02 08:34:05.25"),
        ("2026-02-30T03:04:05Z", None),
        ("no time", None),
    ],
)
def test_a_text_with_an_offset_becomes_an_instant(
    spark: SparkSession, text: str, instant: str | None
) -> None:
    texts = spark.createDataFrame([(text,)], "t STRING")
    assert one(texts.select(F.try_to_timestamp("t").cast("string"))) == instant


def test_an_offset_of_its_own_is_added_by_arithmetic(spark: SparkSession) -> None:
    """Instead of to_utc_timestamp with `+02:00` or `GMT+2`, which is NULL on one engine."""
    rows = spark.createDataFrame(
        [("2026-01-02 03:04:05", "GMT+02:00"), ("2026-01-02 03:04:05", "-05:30")],
        "t STRING, z STRING",
    )
    parts = [F.regexp_extract("z", r"([+-])(\d{1,2}):?(\d{2})$", group) for group in (1, 2, 3)]
    minutes = parts[1].cast("int") * 60 + parts[2].cast("int")
    signed = F.when(parts[0] == "-", -minutes).otherwise(minutes)
    local = F.unix_timestamp(F.to_timestamp("t"))
    utc = F.timestamp_seconds(local - signed * 60).cast("string").alias("utc")
    assert tuples(rows.select(utc)) == [("2026-01-02 01:04:05",), ("2026-01-02 08:34:05",)]


def test_a_zone_by_name_is_understood(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("2026-07-02 03:04:05", "Europe/Berlin")], "t STRING, z STRING")
    utc = F.to_utc_timestamp(F.to_timestamp("t"), F.col("z")).cast("string")
    assert one(rows.select(utc)) == "2026-07-02 01:04:05"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1E+2", "100.00"),
        ("12.345", "12.35"),
        ("-7", "-7.00"),
        ("1e-1", "0.10"),
        ("x", None),
        ("", None),
    ],
)
def test_a_text_becomes_a_decimal_through_a_double_if_it_has_an_exponent(
    spark: SparkSession, text: str, number: str | None
) -> None:
    texts = spark.createDataFrame([(text,)], "t STRING")
    through = F.expr("CAST(try_cast(t AS DOUBLE) AS DECIMAL(12,2))")
    value = F.when(F.lower("t").contains("e"), through).otherwise(
        F.expr("try_cast(t AS DECIMAL(12,2))")
    )
    assert one(texts.select(value.cast("string"))) == number


def test_a_sum_that_leaves_its_type_is_made_in_a_wider_one(spark: SparkSession) -> None:
    """Of integers one engine wraps round, the other fails: neither is wanted."""
    rows = spark.createDataFrame([(2**31 - 1, 2**63 - 1), (1, 1)], "i INT, b BIGINT")
    assert one(rows.select(F.max(F.col("i").cast("bigint") + 1))) == 2**31
    assert int(one(rows.select(F.sum(F.col("b").cast("decimal(38,0)"))))) == 2**63


def test_a_double_is_made_a_text_by_a_format_of_its_own(spark: SparkSession) -> None:
    doubles = spark.createDataFrame([(1.0,), (0.1,), (1e9,), (12345678.9,)], "x DOUBLE")
    texts = doubles.select(F.col("x").cast("decimal(38,4)").cast("string"))
    assert sorted(row[0] for row in texts.collect()) == [
        "0.1000", "1.0000", "1000000000.0000", "12345678.9000",
    ]  # fmt: skip


def test_json_of_texts_and_whole_numbers_is_the_same(spark: SparkSession) -> None:
    """Timestamps and decimals are made texts before: to_json writes them in two ways."""
    rows = spark.sql(
        "SELECT 'it\\'s' AS a, 1 AS b, TIMESTAMP '2026-01-02 03:04:05' AS t, 1.50 AS d"
    )
    formatted = F.date_format("t", "yyyy-MM-dd'T'HH:mm:ss'Z'").alias("t")
    text = one(
        rows.select(F.to_json(F.struct("a", "b", formatted, F.col("d").cast("string").alias("d"))))
    )
    assert json.loads(text) == {"a": "it's", "b": 1, "t": "2026-01-02T03:04:05Z", "d": "1.50"}


def test_columns_are_left_out_by_drop(spark: SparkSession) -> None:
    """Instead of `* EXCEPT (…)`, which does not parse on one engine."""
    assert spark.range(1).withColumn("x", F.lit(1)).drop("id").columns == ["x"]


def test_a_union_of_arrays_of_structs_has_one_type_on_both_sides(spark: SparkSession) -> None:
    kind = "array<struct<a:int,b:string>>"
    left = spark.sql("SELECT 1 AS k, array(named_struct('a', 1, 'b', 'x')) AS v")
    right = spark.range(1).select(F.lit(2).alias("k"), F.lit(None).cast(kind).alias("v"))
    typed = left.select("k", F.col("v").cast(kind).alias("v"))
    assert tuples(typed.unionByName(right).select("k", F.size("v") > 0)) in (
        [(1, True), (2, None)], [(1, True), (2, False)],
    )  # fmt: skip


def test_an_error_of_a_query_is_seen_when_its_columns_are_asked_for(spark: SparkSession) -> None:
    """`spark.sql` itself is lazy."""
    from pyspark.errors import PySparkException

    with pytest.raises(PySparkException):
        _ = spark.sql("SELECT nothing FROM nowhere").schema
    with pytest.raises(PySparkException):
        _ = spark.sql("SELEC 1").schema


def test_rows_differ_where_except_says_so_with_null_as_a_value(spark: SparkSession) -> None:
    old = spark.createDataFrame([("a", None), ("b", 1)], "k STRING, n INT")
    new = spark.createDataFrame([("a", None), ("b", 2), (None, None)], "k STRING, n INT")
    assert tuples(new.exceptAll(old)) == [("b", 2), (None, None)]


def test_a_view_in_the_catalog_shows_the_table_as_it_is_now(lake: Lake) -> None:
    table = Table("silver.base", "k STRING, n INT")
    lake.append(table, lake.rows(table, [("a", 1)]))
    lake.read(table)
    name = lake.name(Table("silver.shown", ""))
    for form in ("n + 1 AS m", "n AS m"):
        lake.spark.sql(
            f"CREATE OR REPLACE VIEW {name} COMMENT 'shown' AS SELECT {form} FROM {lake.name(table)}"
        )
    lake.append(table, lake.rows(table, [("b", 2)]))
    assert tuples(lake.spark.table(name)) == [(1,), (2,)]


def test_rows_of_several_files_are_ordered_by_an_element_of_a_list(
    spark: SparkSession, tmp_path: Path
) -> None:
    """By `get`: an index in brackets may raise, and one engine orders by nothing that may."""
    for text in ("b", "c", "a"):
        rows = spark.createDataFrame([([text, "x"],)], "cells ARRAY<STRING>")
        rows.write.mode("append").parquet(str(tmp_path / "rows"))
    read = spark.read.parquet(str(tmp_path / "rows")).where("cells IS NOT NULL")
    ordered = read.orderBy(F.get("cells", F.lit(0))).collect()
    assert [row.cells[0] for row in ordered] == ["a", "b", "c"]

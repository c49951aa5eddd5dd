"""However the rows arrive, and however often gold is brought up to date, it ends the same."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.bronze.raw_transactions import raw_transactions, transaction_records
from lyceum.gold.fact_country_sales import FACT_COUNTRY_SALES, fact_country_sales
from lyceum.gold.fact_product_performance import (
    FACT_PRODUCT_PERFORMANCE,
    fact_product_performance,
    latest_descriptions,
)
from lyceum.silver.fact_sales_daily import fact_sales_daily
from lyceum.sources.sales import COLUMNS

ROWS = (
    ("1", "A", "mug", "6", "2010-12-31 08:00:00", "2.55", "7.0", "France"),
    ("1", "A", "mug", "6", "2010-12-31 08:00:00", "2.55", "7.0", "France"),
    ("C2", "A", "", "-2", "2010-12-31 23:59:59", "2.55", "7.0", "France"),
    ("3", "A", "red mug", "1", "2011-01-02 09:00:00", "0.01", "", "Spain"),
    ("4", "B", "cup", "3", "2010-12-31 09:00:00", "1", "7.0", "Spain"),
    ("5", "B", "old cup", "3", "2010-12-30 09:00:00", "1", "7.0", "Spain"),
    ("6", "B", "?", "-9", "2011-01-02 10:00:00", "0", "", "France"),
    ("7", "C", "bad", "1", "2011-01-02 10:00:00", "-1", "", "France"),
)
SPLITS = st.lists(st.integers(min_value=0, max_value=2), min_size=len(ROWS), max_size=len(ROWS))


def transactions(spark: SparkSession, rows: list[tuple]) -> DataFrame:
    texts = spark.createDataFrame(rows, ", ".join(f"{name} STRING" for name in COLUMNS))
    nested = texts.select(
        F.lit("a.csv").alias("_source_file"),
        F.lit(None).cast("string").alias("malformed"),
        F.struct(*COLUMNS).alias("csv"),
    )
    records = transaction_records(
        nested, load_id="l", loaded_at=F.lit("2026-01-01").cast("timestamp")
    )
    return raw_transactions(records)


def gold(spark: SparkSession, deliveries: list[list[tuple]]) -> tuple[set, set]:
    """Products and countries after the deliveries, brought up to date after each.

    A day that did not change is taken away and added again, as a change feed may say.
    """
    products = spark.createDataFrame([], FACT_PRODUCT_PERFORMANCE.columns)
    countries = spark.createDataFrame([], FACT_COUNTRY_SALES.columns)
    went, delivered = None, []
    for delivery in deliveries:
        delivered += delivery
        bronze = transactions(spark, delivered)
        daily = fact_sales_daily(bronze).localCheckpoint()
        came = daily.withColumn("change", F.lit(1))
        changed = came if went is None else came.unionByName(went)
        products = fact_product_performance(products, changed, latest_descriptions(bronze))
        countries = fact_country_sales(countries, changed)
        went = daily.withColumn("change", F.lit(-1))
    return set(products.collect()), set(countries.collect())


@pytest.fixture(scope="module")
def at_once(spark):
    """Gold of all rows in one delivery."""
    return gold(spark, [list(ROWS)])


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(split=SPLITS)
def test_any_split_of_the_rows_gives_the_same_gold(spark, at_once, split):
    deliveries = [[r for r, to in zip(ROWS, split, strict=True) if to == n] for n in range(3)]
    assert gold(spark, deliveries) == at_once

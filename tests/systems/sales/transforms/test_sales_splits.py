"""In whatever order the rows arrive, and however often, gold is the same."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.systems.sales.bronze import raw_transactions, transaction_records
from lyceum.systems.sales.gold.fact_country_sales import fact_country_sales
from lyceum.systems.sales.gold.fact_product_performance import fact_product_performance
from lyceum.systems.sales.gold.fact_sales_monthly import fact_sales_monthly
from lyceum.systems.sales.silver import fact_sales_daily
from lyceum.systems.sales.source import COLUMNS

ROWS = (
    ("1", "A", "mug", "6", "2010-12-31 08:00:00", "2.55", "7.0", "France"),
    ("C2", "A", "", "-2", "2010-12-31 23:59:59", "2.55", "7.0", "France"),
    ("3", "A", "red mug", "1", "2011-01-02 09:00:00", "0.01", "", "Spain"),
    ("4", "B", "cup", "3", "2010-12-31 09:00:00", "1", "7.0", "Spain"),
    ("5", "B", "old cup", "3", "2010-12-30 09:00:00", "1", "7.0", "Spain"),
    ("6", "B", "?", "-9", "2011-01-02 10:00:00", "0", "", "France"),
    ("7", "C", "bad", "1", "2011-01-02 10:00:00", "-1", "", "France"),
)


def gold(spark: SparkSession, rows: list[tuple]) -> list[set]:
    """Months, products and countries of rows of two files."""
    columns = ", ".join(f"{name} STRING" for name in COLUMNS)
    texts = spark.createDataFrame(rows, columns).select(
        F.when(F.col("InvoiceNo") == "3", "b.csv").otherwise("a.csv").alias("_source_file"),
        F.lit(1).alias("line"),
        F.lit(None).cast("string").alias("malformed"),
        F.struct(*COLUMNS).alias("csv"),
    )
    loaded_at = F.lit("2026-01-01").cast("timestamp")
    bronze = raw_transactions(transaction_records(texts, load_id="l", loaded_at=loaded_at))
    daily = fact_sales_daily(bronze)
    found: list[DataFrame] = [
        fact_sales_monthly(daily), fact_product_performance(daily, bronze), fact_country_sales(daily)
    ]  # fmt: skip
    return [set(frame.collect()) for frame in found]


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(order=st.permutations(ROWS), again=st.lists(st.sampled_from(ROWS), max_size=3))
def test_any_order_of_the_rows_gives_the_same_gold(spark, order, again):
    assert gold(spark, [*order, *again]) == gold(spark, list(ROWS))

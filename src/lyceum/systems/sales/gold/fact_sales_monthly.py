"""Gold of the shop's sales by month."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.sales.silver import MEASURE_COLUMNS, MEASURES, MONEY

FACT_SALES_MONTHLY = Table(
    name="gold.fact_sales_monthly",
    grain="one row per month of sale, time of Europe/London",
    keys=("month_key",),
    columns=f"""
        month_key STRING NOT NULL COMMENT 'Month, YYYY-MM',
        year INT NOT NULL COMMENT 'Year',
        month INT NOT NULL COMMENT 'Month, 1 to 12',
        active_days BIGINT NOT NULL COMMENT 'Days with a line, sale or return',
        products BIGINT NOT NULL COMMENT 'Stock codes with a line',
        countries BIGINT NOT NULL COMMENT 'Countries with a line',
        {MEASURE_COLUMNS}
    """,
    cluster_by=(),
)


def fact_sales_monthly(daily: DataFrame) -> DataFrame:
    """The months of the daily rows; a month is right if all of its days are given."""
    months = daily.groupBy(
        F.date_format("sale_date", "yyyy-MM").alias("month_key"),
        F.year("sale_date").alias("year"),
        F.month("sale_date").alias("month"),
    ).agg(
        F.count_distinct("date_key").alias("active_days"),
        F.count_distinct("stock_code").alias("products"),
        F.count_distinct("country").alias("countries"),
        *(F.sum(name).alias(name) for name in MEASURES),
    )
    money = {name: F.col(name).cast(MONEY) for name in MEASURES if name.endswith("revenue")}
    return months.withColumns(money)

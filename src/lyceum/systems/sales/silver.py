"""Silver of the shop's sales: a day's lines of a product in a country, added up."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table

MONEY = "decimal(28,4)"
_FEW_DAYS = 400
MEASURES = (
    "line_count",
    "quantity_sold",
    "quantity_returned",
    "gross_revenue",
    "returned_revenue",
    "net_revenue",
)
"""The measures of every sales table; each is a sum over lines."""

MEASURE_COLUMNS = """line_count BIGINT NOT NULL COMMENT 'Distinct lines, sales and returns',
        quantity_sold BIGINT NOT NULL COMMENT 'Units of lines that are no returns',
        quantity_returned BIGINT NOT NULL COMMENT 'Units of returns, a positive number',
        gross_revenue DECIMAL(28,4) NOT NULL COMMENT 'Pounds of lines that are no returns',
        returned_revenue DECIMAL(28,4) NOT NULL COMMENT 'Pounds of returns, a positive number',
        net_revenue DECIMAL(28,4) NOT NULL COMMENT 'gross_revenue less returned_revenue'"""

FACT_SALES_DAILY = Table(
    name="silver.fact_sales_daily",
    grain="one row per day of sale, stock code and country",
    keys=("date_key", "stock_code", "country"),
    columns=f"""
        date_key INT NOT NULL COMMENT 'Day of sale in the shop, yyyymmdd, time of Europe/London',
        sale_date DATE NOT NULL COMMENT 'Day of sale in the shop, time of Europe/London',
        stock_code STRING NOT NULL COMMENT 'Product code',
        country STRING NOT NULL COMMENT 'Country of the customer',
        {MEASURE_COLUMNS}
    """,
    cluster_by=("date_key",),
)


def fact_sales_daily(transactions: DataFrame) -> DataFrame:
    """The daily sums of the transactions; a day is right if all of its transactions are given."""
    units = F.abs(F.col("quantity").cast("bigint"))
    amount = units * F.col("unit_price")
    is_return = F.col("is_return")
    summed = transactions.groupBy("date_key", "sale_date", "stock_code", "country").agg(
        F.count("*").alias("line_count"),
        _sum_where(~is_return, units).alias("quantity_sold"),
        _sum_where(is_return, units).alias("quantity_returned"),
        _sum_where(~is_return, amount).cast(MONEY).alias("gross_revenue"),
        _sum_where(is_return, amount).cast(MONEY).alias("returned_revenue"),
    )
    net_revenue = (F.col("gross_revenue") - F.col("returned_revenue")).cast(MONEY)
    return summed.withColumn("net_revenue", net_revenue)


def month_states(daily: DataFrame) -> DataFrame:
    """Two values a month that change if a row of it does: `month_id`, `rows`, `hashes`."""
    return daily.groupBy(month_id().alias("month_id")).agg(
        F.count("*").alias("rows"),
        F.sum(F.xxhash64(*daily.columns).cast("decimal(20,0)")).alias("hashes"),
    )


def month_id() -> Column:
    """The month of `date_key` as a number, yyyymm."""
    return F.floor(F.col("date_key") / 100).cast("int")


def on_days(days: list[int]) -> Column:
    """True on these days as literals, by which files are skipped; of many, in their range."""
    if len(days) <= _FEW_DAYS:
        return F.col("date_key").isin(days)
    return F.col("date_key").between(min(days), max(days))


def _sum_where(condition: Column, value: Column) -> Column:
    return F.sum(F.when(condition, value).otherwise(0))

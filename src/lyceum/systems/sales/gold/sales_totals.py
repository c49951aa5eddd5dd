"""Totals over the whole history of sales."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lyceum.systems.sales.silver import MEASURES, MONEY

_PART = "decimal(20,4)"

TOTAL_COLUMNS = """\
return_rate DECIMAL(18,6) COMMENT 'quantity_returned / quantity_sold; NULL if none sold',
        revenue_rank INT NOT NULL COMMENT 'Place by net revenue, 1 the most; equal ones share it'"""

SALE_DAYS = """\
first_sale_date DATE COMMENT 'First day with a unit sold, shop time; NULL if none was',
        last_sale_date DATE COMMENT 'Last day with a unit sold, shop time; NULL if none was',"""


def sales_totals(daily: DataFrame, *, key: str) -> DataFrame:
    """The measures of all daily rows by `key`, and its first and last day with a unit sold."""
    sale_date = F.when(F.col("quantity_sold") > 0, F.col("sale_date"))
    totals = daily.groupBy(key).agg(
        F.min(sale_date).alias("first_sale_date"),
        F.max(sale_date).alias("last_sale_date"),
        *(F.sum(name).alias(name) for name in MEASURES),
    )
    money = {name: F.col(name).cast(MONEY) for name in MEASURES if name.endswith("revenue")}
    return totals.withColumns(money)


def return_rate() -> Column:
    """Units returned for a unit sold."""
    return ratio(F.col("quantity_returned"), F.col("quantity_sold"))


def revenue_rank() -> Column:
    """The place by net revenue; equal ones share it."""
    # Without a partition Spark warns that all rows come together, which they are few enough to do.
    return F.rank().over(Window.partitionBy(F.lit(1)).orderBy(F.desc("net_revenue")))


def ratio(part: Column, whole: Column) -> Column:
    """Part of whole, rounded half up to six digits; NULL if the whole is nothing or over 10^16."""
    divisor = F.nullif(whole.try_cast(_PART), F.lit(0).cast(_PART))
    return (part.try_cast(_PART) / divisor).cast("decimal(18,6)")

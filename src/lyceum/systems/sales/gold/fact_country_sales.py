"""Gold of the shop's sales by country, over the whole history."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.sales.gold.sales_totals import (
    SALE_DAYS,
    TOTAL_COLUMNS,
    ratio,
    return_rate,
    revenue_rank,
    sales_totals,
)
from lyceum.systems.sales.silver import MEASURE_COLUMNS, MEASURES

FACT_COUNTRY_SALES = Table(
    name="gold.fact_country_sales",
    grain="one row per country that ever bought or returned something",
    keys=("country",),
    columns=f"""
        country STRING NOT NULL COMMENT 'Country of the customer',
        {SALE_DAYS}
        {MEASURE_COLUMNS},
        net_revenue_share DECIMAL(18,6) COMMENT 'Share of the net revenue of all countries',
        {TOTAL_COLUMNS}
    """,
    cluster_by=(),
)


def fact_country_sales(daily: DataFrame) -> DataFrame:
    """Every country, from all daily rows."""
    everything = F.sum("net_revenue").over(Window.partitionBy(F.lit(1)))
    return sales_totals(daily, key="country").select(
        "country",
        "first_sale_date",
        "last_sale_date",
        *MEASURES,
        ratio(F.col("net_revenue"), everything).alias("net_revenue_share"),
        return_rate().alias("return_rate"),
        revenue_rank().alias("revenue_rank"),
    )

"""Gold of the shop's sales by product, over the whole history."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lyceum.gold.sales_totals import SALE_DAYS, TOTAL_COLUMNS, return_rate, sales_totals
from lyceum.silver.fact_sales_daily import MEASURE_COLUMNS, MEASURES
from lyceum.table import Table

FACT_PRODUCT_PERFORMANCE = Table(
    name="gold.fact_product_performance",
    grain="one row per stock code that was ever sold or returned",
    keys=("stock_code",),
    columns=f"""
        stock_code STRING NOT NULL COMMENT 'Product code',
        description STRING COMMENT 'The latest that is not empty; of equal times the greatest text',
        described_at TIMESTAMP COMMENT 'Time of the transaction with that description, UTC',
        {SALE_DAYS}
        {MEASURE_COLUMNS},
        {TOTAL_COLUMNS}
    """,
    cluster_by=(),
)


def latest_descriptions(transactions: DataFrame) -> DataFrame:
    """The latest description of every stock code that is not empty, without outer spaces."""
    described = transactions.select(
        "stock_code",
        F.col("invoice_date").alias("described_at"),
        F.nullif(F.trim("description"), F.lit("")).alias("description"),
    )
    return _latest(described)


def fact_product_performance(
    known: DataFrame, changed: DataFrame, descriptions: DataFrame
) -> DataFrame:
    """Every product after the changes of silver, from the rows known before them.

    `descriptions` are the latest ones of the days that changed.
    """
    columns = ("stock_code", "described_at", "description")
    latest = _latest(known.select(*columns).unionByName(descriptions.select(*columns)))
    totals = sales_totals(known, changed, key="stock_code")
    return totals.join(latest, on="stock_code", how="left").select(
        "stock_code",
        "description",
        "described_at",
        "first_sale_date",
        "last_sale_date",
        *MEASURES,
        return_rate().alias("return_rate"),
        F.rank().over(Window.orderBy(F.desc("net_revenue"))).alias("revenue_rank"),
    )


def _latest(described: DataFrame) -> DataFrame:
    newest = F.max(F.struct("described_at", "description")).alias("latest")
    known = described.where(F.col("description").isNotNull())
    return known.groupBy("stock_code").agg(newest).select("stock_code", "latest.*")

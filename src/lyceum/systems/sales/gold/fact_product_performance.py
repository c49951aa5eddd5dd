"""Gold of the shop's sales by product, over the whole history."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.sales.gold.sales_totals import (
    SALE_DAYS,
    TOTAL_COLUMNS,
    return_rate,
    revenue_rank,
    sales_totals,
)
from lyceum.systems.sales.silver import MEASURE_COLUMNS, MEASURES

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


def fact_product_performance(daily: DataFrame, transactions: DataFrame) -> DataFrame:
    """Every product, from all daily rows; the transactions have the descriptions."""
    described = latest_descriptions(transactions)
    totals = sales_totals(daily, key="stock_code")
    return totals.join(described, on="stock_code", how="left").select(
        "stock_code",
        "description",
        "described_at",
        "first_sale_date",
        "last_sale_date",
        *MEASURES,
        return_rate().alias("return_rate"),
        revenue_rank().alias("revenue_rank"),
    )


def latest_descriptions(transactions: DataFrame) -> DataFrame:
    """The latest description of every stock code that is not empty, without outer spaces."""
    described = transactions.select(
        "stock_code",
        F.col("invoice_date").alias("described_at"),
        F.nullif(F.trim("description"), F.lit("")).alias("description"),
    ).where(F.col("description").isNotNull())
    # Two aggregates over flat columns: the greatest struct costs several times as much embedded.
    latest = described.groupBy("stock_code").agg(F.max("described_at").alias("described_at"))
    of_that_time = described.join(latest, on=["stock_code", "described_at"])
    return of_that_time.groupBy("stock_code", "described_at").agg(
        F.max("description").alias("description")
    )

"""Totals over the whole history, kept up to date from what changed in silver."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.silver.fact_sales_daily import MEASURES

_PART = "decimal(20,4)"

TOTAL_COLUMNS = """\
return_rate DECIMAL(18,6) COMMENT 'quantity_returned / quantity_sold; NULL if none sold',
        revenue_rank INT NOT NULL COMMENT 'Place by net revenue, 1 the most; equal ones share it',
        silver_version BIGINT NOT NULL COMMENT 'Delta version of fact_sales_daily it agrees with',
        silver_table_id STRING NOT NULL COMMENT 'Delta id of that table'"""

SALE_DAYS = """\
first_sale_date DATE COMMENT 'First day with a unit sold, shop time; NULL if none was',
        last_sale_date DATE COMMENT 'Last day with a unit sold, shop time; NULL if none was',"""


def sales_totals(known: DataFrame, changed: DataFrame, *, key: str) -> DataFrame:
    """Totals by `key`: those known, plus the daily rows that came, minus those that went.

    `changed` has daily rows with `change`, 1 or -1. Days of sale only ever spread, as no
    transaction leaves bronze.
    """
    columns = (key, "first_sale_date", "last_sale_date", *MEASURES)
    parts = known.select(*columns).unionByName(_signed(changed, key).select(*columns))
    types = {field.name: field.dataType for field in known.schema}
    return parts.groupBy(key).agg(
        F.min("first_sale_date").alias("first_sale_date"),
        F.max("last_sale_date").alias("last_sale_date"),
        *(F.sum(name).cast(types[name]).alias(name) for name in MEASURES),
    )


def return_rate() -> Column:
    """Units returned for a unit sold."""
    return ratio(F.col("quantity_returned"), F.col("quantity_sold"))


def ratio(part: Column, whole: Column) -> Column:
    """Part of whole, rounded half up to six digits; NULL if the whole is nothing or over 10^16."""
    divisor = F.nullif(whole.try_cast(_PART), F.lit(0).cast(_PART))
    return (part.try_cast(_PART) / divisor).cast("decimal(18,6)")


def _signed(changed: DataFrame, key: str) -> DataFrame:
    sale_date = F.when((F.col("change") > 0) & (F.col("quantity_sold") > 0), F.col("sale_date"))
    return changed.select(
        key,
        sale_date.alias("first_sale_date"),
        sale_date.alias("last_sale_date"),
        *((F.col(name) * F.col("change")).alias(name) for name in MEASURES),
    )

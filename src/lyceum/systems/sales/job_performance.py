"""The job `sales_performance`: products and countries over the whole history, kept up to date.

A stage computes its table from all of silver and merges it: rows that are as they were stay, and
without a change there is no new version. A run that was stopped goes on with its unfinished stage.
"""

from pyspark.sql import DataFrame

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.runs.logs import get_logger
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.systems.sales.bronze import RAW_TRANSACTIONS
from lyceum.systems.sales.gold.fact_country_sales import FACT_COUNTRY_SALES, fact_country_sales
from lyceum.systems.sales.gold.fact_product_performance import (
    FACT_PRODUCT_PERFORMANCE,
    fact_product_performance,
)
from lyceum.systems.sales.silver import FACT_SALES_DAILY
from pocketlake import Version

JOB = "sales_performance"
PRODUCTS, COUNTRIES = "product_performance", "country_sales"
_log = get_logger(__name__)


def performance(lake: Lakehouse, reporter: Reporter) -> None:
    """Bring the product and the country table to the present version of silver."""
    silver = lake.version(FACT_SALES_DAILY)
    if silver is None:
        reporter.say("No sales are loaded: there is nothing to do")
        return
    parameters = {"silver_version": silver.number, "silver_table_id": silver.table_id}
    stages = (PRODUCTS, COUNTRIES)
    with Run.of(lake, JOB, parameters, reporter=reporter, stages=stages, resume=True) as run:
        run.perform(PRODUCTS, lambda: _update_products(lake, silver))
        run.perform(COUNTRIES, lambda: _update_countries(lake, silver))


def _update_products(lake: Lakehouse, silver: Version) -> str:
    daily = lake.read(FACT_SALES_DAILY, version=silver.number)
    rows = fact_product_performance(daily, lake.read(RAW_TRANSACTIONS))
    return _merged(lake, FACT_PRODUCT_PERFORMANCE, rows, silver)


def _update_countries(lake: Lakehouse, silver: Version) -> str:
    daily = lake.read(FACT_SALES_DAILY, version=silver.number)
    return _merged(lake, FACT_COUNTRY_SALES, fact_country_sales(daily), silver)


def _merged(lake: Lakehouse, table: Table, rows: DataFrame, silver: Version) -> str:
    written = lake.merge(table, rows, delete="true")
    agrees = f"agrees with version {silver.number} of {FACT_SALES_DAILY.name}"
    _log.info("table merged", table=table.name, silver_version=silver.number, **vars(written))
    return f"{written.inserted:,} new, {written.updated:,} changed: {agrees}"

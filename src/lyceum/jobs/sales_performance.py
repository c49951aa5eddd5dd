"""The job `sales_performance`: products and countries over the whole history, kept up to date.

Each table says in its rows which version of silver it agrees with. A stage adds what changed since
to what is known and replaces the table, a row a product or country, in one commit: nothing is
counted twice, wherever it is killed, and its cost does not grow with the history.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.bronze.raw_transactions import RAW_TRANSACTIONS
from lyceum.gold.fact_country_sales import FACT_COUNTRY_SALES, fact_country_sales
from lyceum.gold.fact_product_performance import (
    FACT_PRODUCT_PERFORMANCE,
    fact_product_performance,
    latest_descriptions,
)
from lyceum.ops.checkpoints import PipelineRun, pipeline_run
from lyceum.ops.logs import get_logger
from lyceum.ops.reporter import Reporter
from lyceum.silver.fact_sales_daily import FACT_SALES_DAILY, on_days
from lyceum.storage import Lakehouse, replace
from lyceum.storage.changes import changed_values, changes
from lyceum.storage.versions import Version, current_version, rows_at
from lyceum.table import Table

JOB = "sales_performance"
PRODUCTS, COUNTRIES = "product_performance", "country_sales"
_log = get_logger(__name__)


@dataclass(frozen=True)
class Changes:
    """What a stage adds to what is known."""

    known: DataFrame
    daily: DataFrame
    """Daily rows with `change`, 1 or -1."""
    days: Column
    """Condition: the days that may have changed."""


def performance(lake: Lakehouse, reporter: Reporter) -> None:
    """Bring the product and the country table to the present version of silver."""
    silver = current_version(lake, FACT_SALES_DAILY)
    parameters = {"silver_version": silver.number, "silver_table_id": silver.table_id}
    with pipeline_run(lake, JOB, parameters, stages=(PRODUCTS, COUNTRIES)) as run:
        _perform(run, reporter, PRODUCTS, lambda: _update_products(lake, silver))
        _perform(run, reporter, COUNTRIES, lambda: _update_countries(lake, silver))


def _perform(run: PipelineRun, reporter: Reporter, name: str, action: Callable[[], str]) -> None:
    with reporter.step(name.replace("_", " ").capitalize()) as step:
        step.note = run.perform(name, action) or "done before the run was interrupted"


def _update_products(lake: Lakehouse, silver: Version) -> str:
    table = FACT_PRODUCT_PERFORMANCE
    found = _changes(lake, table, silver)
    if found is None:
        return "nothing changed"
    described = latest_descriptions(lake.read(RAW_TRANSACTIONS).where(found.days))
    return _replace(
        lake, table, fact_product_performance(found.known, found.daily, described), silver
    )


def _update_countries(lake: Lakehouse, silver: Version) -> str:
    table = FACT_COUNTRY_SALES
    found = _changes(lake, table, silver)
    if found is None:
        return "nothing changed"
    return _replace(lake, table, fact_country_sales(found.known, found.daily), silver)


def _changes(lake: Lakehouse, table: Table, silver: Version) -> Changes | None:
    """What the table lacks; None if nothing, all of silver on top of nothing if that is unknown."""
    known = lake.read(table)
    since = _agrees_with(known)
    days = changed_values(lake, FACT_SALES_DAILY, "date_key", after=since, upto=silver)
    if since is None or days is None:
        daily = rows_at(lake, FACT_SALES_DAILY, silver.number).withColumn("change", F.lit(1))
        return Changes(known.limit(0), daily, F.lit(True))
    if not days:
        return None
    return Changes(known, changes(lake, FACT_SALES_DAILY, after=since, upto=silver), on_days(days))


def _agrees_with(known: DataFrame) -> Version | None:
    """The version of silver that the table agrees with; all of its rows say the same."""
    found = known.select("silver_table_id", "silver_version").limit(1).collect()
    return Version(found[0].silver_table_id, found[0].silver_version) if found else None


def _replace(lake: Lakehouse, table: Table, rows: DataFrame, silver: Version) -> str:
    agreeing = {"silver_version": F.lit(silver.number), "silver_table_id": F.lit(silver.table_id)}
    replace(lake, table, rows.withColumns(agreeing))
    _log.info("table replaced", table=table.name, silver_version=silver.number)
    return f"agrees with version {silver.number} of {FACT_SALES_DAILY.name}"

"""Lakehouses as another process, or another home, would have them."""

from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings

from lyceum.storage import Lakehouse

few_examples = settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
"""For properties whose every example fills a lakehouse of its own (`lake_in`)."""


def fresh(lake: Lakehouse) -> Lakehouse:
    """The lakehouse as another process would find it."""
    for schema in lake.config.schemas.values():
        lake.spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return Lakehouse(lake.spark, lake.config)


def lake_in(lake: Lakehouse, home: Path) -> Lakehouse:
    """An empty lakehouse in the same session."""
    config = replace(lake.config, home=home, warehouse=str(home / "warehouse"))
    return fresh(Lakehouse(lake.spark, config))

"""Lakehouses as another process, or another home, would have them."""

from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings

from lyceum.lakehouse import Lakehouse
from lyceum.session import new_session
from lyceum.settings import Settings

few_examples = settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
"""For properties whose every example fills a lakehouse of its own (`lake_in`)."""


def fresh(lake: Lakehouse) -> Lakehouse:
    """The lakehouse as another process would find it."""
    if lake.kind == "embedded":
        return Lakehouse(new_session(lake.config), lake.config)
    for schema in lake.config.schemas.values():
        lake.spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return Lakehouse(lake.spark, lake.config)


def lake_in(lake: Lakehouse, home: Path) -> Lakehouse:
    """An empty lakehouse of the same engine."""
    return lake_at(lake.config, home)


def lake_at(config: Settings, home: Path) -> Lakehouse:
    """An empty lakehouse in a session of its own, for all tests of a module."""
    place = replace(config, home=home, warehouse=str(home / "warehouse"))
    return Lakehouse(new_session(place), place)

"""One Spark session a test process; a lakehouse of its own for each test that asks."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lyceum.config import Config
from lyceum.session import spark_session
from lyceum.storage import Lakehouse


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config.load(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def spark(config: Config) -> SparkSession:
    return spark_session(config)


@pytest.fixture
def lake(spark: SparkSession, config: Config, tmp_path: Path) -> Iterator[Lakehouse]:
    """An empty lakehouse; its schemas are dropped from the session's catalog afterwards."""
    home = replace(config, home=tmp_path, warehouse=str(tmp_path / "warehouse"))
    lakehouse = Lakehouse(spark, home)
    yield lakehouse
    for schema in home.schemas.values():
        spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

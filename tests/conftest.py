"""One engine a test process, `LYCEUM_TEST_ENGINE`; a lakehouse of its own for each test that asks."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lyceum.lakehouse import Lakehouse
from lyceum.session import new_session
from lyceum.settings import Settings

ENGINE = os.environ.get("LYCEUM_TEST_ENGINE", "embedded")
# What Spark's workers import refuses every connection of the process: it is no module of tests.
collect_ignore = ["contract/workspace/workers"]
if ENGINE != "spark":
    collect_ignore += ["contract/workspace/test_workspace_jobs.py"]

# A shell that starts this in the background lets it ignore Ctrl-C, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Transforms are in the reference group: both engines must give the same rows."""
    for item in items:
        if item.path.parent.name == "transforms":
            item.add_marker(pytest.mark.reference)


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    environ = {**os.environ, "LYCEUM_ENGINE": ENGINE}
    return Settings.load(tmp_path_factory.mktemp("home"), environ)


@pytest.fixture(scope="session")
def spark(config: Settings) -> SparkSession:
    return new_session(config)


@pytest.fixture
def lake(spark: SparkSession, config: Settings, tmp_path: Path) -> Iterator[Lakehouse]:
    """An empty lakehouse in a session of its own, whose catalog knows no table yet."""
    session = new_session(config) if config.engine == "embedded" else spark
    home = replace(config, home=tmp_path, warehouse=str(tmp_path / "warehouse"))
    yield Lakehouse(session, home)
    if session is spark:
        for schema in home.schemas.values():
            spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    else:
        session.stop()

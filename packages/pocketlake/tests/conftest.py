"""One session a test process, of the engine in LYCEUM_TEST_ENGINE; a lake of its own a test."""

import itertools
from pathlib import Path

import pytest
from contract_lakes import ENGINE, session
from pyspark.sql import SparkSession

from pocketlake import Lake

_NUMBERS = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The contract of the writers is in the reference group: it holds on both engines."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.reference)


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    return session()


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    """An empty lake; the catalog of the session keeps names, so its schema has one of its own."""
    schemas = {"silver": f"silver_{next(_NUMBERS)}"}
    return Lake(spark, kind=ENGINE, warehouse=str(tmp_path / "it's a lake"), schemas=schemas)

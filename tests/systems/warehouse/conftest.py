"""One PostgreSQL a test process."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from oltp_world import Oltp, server

from lyceum.lakehouse import Lakehouse
from lyceum_lab.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with server() as running:
        yield running


@pytest.fixture
def oltp(postgres: Postgres, tmp_path: Path) -> Iterator[Oltp]:
    made = Oltp.copied(postgres, tmp_path / "oltp")
    yield made
    made.close()


@pytest.fixture
def world(oltp: Oltp, lake: Lakehouse) -> Lakehouse:
    """An empty lakehouse whose settings name the database of the test."""
    oltp.folder = lake.config.home / "landing" / "oltp"
    lake.config = replace(lake.config, environ={"OLTP_DATABASE_URL": oltp.url})
    return lake

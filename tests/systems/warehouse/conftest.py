"""One PostgreSQL a test process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from oltp_world import Oltp, server

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

"""One PostgreSQL a test process."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from oltp_world import Oltp, server

from lyceum.lakehouse import Lakehouse
from lyceum.session import new_session
from lyceum.settings import Settings
from lyceum.systems.warehouse import etl
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


@pytest.fixture(scope="session")
def synced_home(
    postgres: Postgres, config: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home after the first sync of the rows that every database has."""
    home = tmp_path_factory.mktemp("synced")
    oltp = Oltp.copied(postgres, home / "landing" / "oltp")
    environ = {"OLTP_DATABASE_URL": oltp.url}
    theirs = replace(config, home=home, warehouse=str(home / "warehouse"), environ=environ)
    session = new_session(theirs)
    etl.run_all_dimension_syncs(lake=Lakehouse(session, theirs))
    session.stop()
    oltp.close()
    return home


@pytest.fixture
def synced(world: Lakehouse, synced_home: Path) -> Lakehouse:
    """A lakehouse after its first sync; to the next one its database is a restored one."""
    shutil.copytree(synced_home, world.config.home, dirs_exist_ok=True)
    return world

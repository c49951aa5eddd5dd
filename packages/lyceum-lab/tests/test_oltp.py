"""The made-up OLTP database: the same configuration gives the same rows, on either PostgreSQL."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from lyceum.errors import LyceumError
from lyceum_lab.oltp import OltpConfig, filled
from lyceum_lab.oltp.rows import days, masters, mastery
from lyceum_lab.postgres import Binaries, private_postgres

CONFIG = OltpConfig(learners=12, days=2, activities=3)


def tables(config: OltpConfig) -> list[dict]:
    return [masters(config), *days(config), mastery(config)]


def test_the_same_configuration_gives_the_same_rows():
    assert tables(CONFIG) == tables(CONFIG)
    assert tables(CONFIG) != tables(OltpConfig(learners=12, days=2, activities=3, seed=2))


def test_the_packaged_postgresql_is_filled_once_and_keeps_its_data(tmp_path: Path):
    """A folder that is given is kept; a second filling is refused in one line."""
    # As root the server runs as another user, who must be able to reach the folder.
    folder = tmp_path / "data"
    for path in (tmp_path, *tmp_path.parents):
        if os.geteuid() == 0 and str(path).startswith("/tmp/pytest"):
            path.chmod(0o755)
    binaries = Binaries.packaged()
    with private_postgres(folder, binaries=binaries) as postgres:
        counts = filled(postgres.url(), CONFIG)
        assert counts["learners"] == 12
        with pytest.raises(
            LyceumError, match=r"^expected an empty database to fill, found: [^\n]*$"
        ):
            filled(postgres.url(), CONFIG)
    with private_postgres(folder, binaries=binaries) as postgres, postgres.connect() as connection:
        for name, count in counts.items():
            assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (count,)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_served_database_is_gone_when_it_is_stopped(stop: signal.Signals):
    command = [sys.executable, "-m", "lyceum", "etl", "serve", "--learners", "5", "--days", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"postgresql://\S+(?=;)", process.stdout.readline())
        assert found
        with psycopg.connect(found[0]) as connection:
            assert connection.execute("SELECT count(*) FROM learners").fetchone() == (5,)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("DELETE FROM learners")
        process.send_signal(stop)
        assert process.wait(30) == 0
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(found[0])

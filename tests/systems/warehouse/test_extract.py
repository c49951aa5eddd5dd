"""The job `extract_oltp`: what it says, and what the ledger holds of it."""

from dataclasses import replace

import pytest
from oltp_world import PASSWORD

from lyceum.runs.ledger import ETL_JOB_STATUS
from lyceum.runs.reporter import Reporter
from lyceum.systems.warehouse.job_extract import TablesFailedError, extract
from lyceum.systems.warehouse.settings import WarehouseSettings
from lyceum.systems.warehouse.source.errors import SourceDownError


def states(lake):
    rows = lake.view(ETL_JOB_STATUS).orderBy("started_at").collect()
    return [(row.status, row.rows_inserted, row.rows_deleted, row.error_message) for row in rows]


def test_an_extraction_is_in_the_ledger(oltp, world):
    extract(world, Reporter())
    total = sum(oltp.scalar(f"SELECT count(*) FROM {name}") for name in ("tenants", "learners"))
    oltp.run("DELETE FROM recommendations")
    extract(world, Reporter())
    extract(world, Reporter())
    found = states(world)
    assert [status for status, *_ in found] == ["SUCCESS"] * 3
    assert found[0][1] > total
    assert found[1][2] > 0
    assert found[2] == ("SUCCESS", 0, 0, None)
    assert {schema for schema, _ in world.tables()} == {"ops"}


def test_a_failed_table_fails_the_run_after_the_others_were_landed(oltp, world):
    oltp.run("ALTER TABLE users RENAME TO people")
    with pytest.raises(TablesFailedError, match=r"^expected the table public.users in the source"):
        extract(world, Reporter())
    [(status, inserted, _, error)] = states(world)
    assert (status, inserted > 0) == ("FAILED", True)
    assert "public.users" in error


def test_the_password_is_nowhere(oltp, world, tmp_path):
    """Not in settings as text, nor in errors, logs or tables, not even where it is wrong."""
    right = world.config
    wrong = {"OLTP_DATABASE_URL": oltp.url.replace(PASSWORD, "hunter2hunter2")}
    world.config = replace(right, environ=wrong)
    assert "hunter2" not in repr(world.config.of(WarehouseSettings))
    with pytest.raises(SourceDownError):
        extract(world, Reporter())
    world.config = right
    extract(world, Reporter())
    assert [status for status, *_ in states(world)] == ["FAILED", "SUCCESS"]
    for file in tmp_path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"hunter2" not in content
            assert PASSWORD.encode() not in content

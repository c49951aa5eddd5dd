"""Restore: a table as it was, and what is computed from it."""

from datetime import UTC, datetime, timedelta

import pytest
from sales_lake import FILES, LATE, all_jobs, gold, write_files

from lyceum.care.ledger import ERASURES
from lyceum.care.restore import RestoreError, dependents, restore
from lyceum.cli.recompute import recompute
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.reporter import Reporter
from lyceum.systems.sales.gold.fact_sales_monthly import FACT_SALES_MONTHLY
from lyceum.systems.sales.silver import FACT_SALES_DAILY

NOW = datetime.now(UTC)


def test_a_restored_table_brings_its_later_ones_along(lake, tmp_path):
    folder = write_files(tmp_path / "shop", [name for name in FILES if name != LATE])
    all_jobs(lake, folder)
    before, version = gold(lake), lake.version(FACT_SALES_DAILY)
    lake.delete(FACT_SALES_DAILY, where="date_key < 20110131")
    all_jobs(lake, folder)
    assert gold(lake) != before
    found = restore(lake, FACT_SALES_DAILY, Reporter(), version=version.number)
    recompute(lake, Reporter(), found)
    assert gold(lake) == before


def test_the_version_of_a_time_is_the_last_one_up_to_it(lake, tmp_path):
    all_jobs(lake, write_files(tmp_path / "shop", ["2010-12-31.csv"]))
    rows = lake.read(FACT_SALES_DAILY).count()
    lake.delete(FACT_SALES_DAILY, where="true")
    deleted = lake.history(FACT_SALES_DAILY, limit=1)[0].timestamp
    restore(lake, FACT_SALES_DAILY, Reporter(), at=deleted - timedelta(milliseconds=1))
    assert lake.read(FACT_SALES_DAILY).count() == rows


def test_what_comes_after_a_table_is_in_later_layers_of_its_system():
    found = dependents(FACT_SALES_DAILY)
    assert found.system == "sales"
    assert {table.layer for table in found.tables} == {"gold"}
    assert FACT_SALES_MONTHLY in found.tables
    assert dependents(QUARANTINE).tables == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "found neither"),
        ({"version": 0, "at": NOW}, "found both"),
        ({"version": 99}, "expected silver.fact_sales_daily as of 99, found versions 0 to 0"),
        ({"at": NOW - timedelta(days=9)}, "as of that time, found versions 0 to 0"),
    ],
)
def test_a_version_that_there_is_not_is_refused(lake, options, message):
    lake.ensure(FACT_SALES_DAILY)
    with pytest.raises(RestoreError, match=message):
        restore(lake, FACT_SALES_DAILY, Reporter(), **options)


def test_nobody_who_was_erased_comes_back(lake):
    lake.ensure(FACT_SALES_DAILY)
    row = {"request_id": "r", "status": "ERASED", "rows_rewritten": 1, "files_rewritten": 0}
    row |= {"files_scanned": 0, "bytes_scanned": 0, "hits": 0, "run_id": "r"}
    row |= {"recorded_at": datetime.now(UTC) + timedelta(seconds=1)}
    lake.append(ERASURES, lake.rows(ERASURES, [row]))
    with pytest.raises(RestoreError, match="it might bring somebody back"):
        restore(lake, FACT_SALES_DAILY, Reporter(), version=0)

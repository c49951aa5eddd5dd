"""The sales pipelines, stopped at every boundary, end as if nothing had happened."""

import signal
from collections import Counter

import pytest
from sales_lake import FILES, LATE, expected_gold, gold, version, write_files

from lakes import fresh
from lyceum.runs.reporter import Reporter
from lyceum.systems.sales.bronze import RAW_TRANSACTION_FILES, RAW_TRANSACTIONS
from lyceum.systems.sales.gold.fact_country_sales import FACT_COUNTRY_SALES
from lyceum.systems.sales.gold.fact_product_performance import FACT_PRODUCT_PERFORMANCE
from lyceum.systems.sales.gold.fact_sales_monthly import FACT_SALES_MONTHLY
from lyceum.systems.sales.job_load import load
from lyceum.systems.sales.job_monthly import monthly
from lyceum.systems.sales.job_performance import performance
from lyceum.systems.sales.months import PROCESSED_MONTHS, Selection
from lyceum.systems.sales.silver import FACT_SALES_DAILY
from pocketlake.observe import followed
from processes import killed_at
from soak import IS_SOAK

pytestmark = pytest.mark.soak

DELIVERIES = [["2010-12-31.csv", "2011-01-30.csv"], [LATE]]
if IS_SOAK:
    DELIVERIES = [[name] for name in FILES if FILES[name]]


class InjectedError(Exception):
    """What stops a job at a boundary."""


class Saboteur:
    """Stops each attempt at the first boundary of its round where none was stopped yet."""

    def __init__(self):
        self.stops = Counter()
        self._stopped_at, self._passed = set(), Counter()
        self._is_armed = False

    def __call__(self, kind, subject):
        self._passed[kind, subject] += 1
        boundary = (kind, subject, self._passed[kind, subject])
        if self._is_armed and kind != "read" and boundary not in self._stopped_at:
            self._stopped_at.add(boundary)
            self._is_armed = False
            self.stops[kind] += 1
            raise InjectedError(boundary)

    def until_done(self, job):
        """Run a job again and again until no boundary is left at which to stop it."""
        self._stopped_at = set()
        while True:
            self._passed, self._is_armed = Counter(), True
            try:
                with followed(self):
                    job()
            except InjectedError:
                continue
            return


@pytest.mark.slow
def test_a_job_stopped_at_every_boundary_writes_everything_once(lake, tmp_path, capsys):
    """Stopped before and after every write and checkpoint; each delivery is one commit a table."""
    folder, saboteur = tmp_path / "shop", Saboteur()
    for names in DELIVERIES:
        write_files(folder, names)
        saboteur.until_done(lambda: load(lake, folder, Reporter()))
        saboteur.until_done(lambda: monthly(lake, Selection(), Reporter(), dry_run=False))
        saboteur.until_done(lambda: performance(lake, Reporter()))
    with capsys.disabled():
        print(f"\n{saboteur.stops.total()} faults injected: {dict(saboteur.stops)}")  # noqa: T201

    assert saboteur.stops.total() >= 40 * len(DELIVERIES)
    assert set(saboteur.stops) == {"writing", "written", "checkpointing", "checkpointed"}
    ended = fresh(lake)
    assert gold(ended) == expected_gold(folder)
    marks = ended.view(PROCESSED_MONTHS).collect()
    assert {mark.month_key for mark in marks} >= {"2010-12", "2011-01"}
    assert {mark.status for mark in marks} == {"completed"}
    # Version 0 is the empty table.
    silver_and_bronze = (RAW_TRANSACTIONS, RAW_TRANSACTION_FILES, FACT_SALES_DAILY)
    gold_tables = (FACT_SALES_MONTHLY, FACT_PRODUCT_PERFORMANCE, FACT_COUNTRY_SALES)
    for table in (*silver_and_bronze, *gold_tables):
        assert version(ended, table) == len(DELIVERIES), table.name


@pytest.mark.slow
def test_the_jobs_go_on_after_they_were_killed(lake, tmp_path):
    """SIGKILL between data and mark."""
    folder = write_files(tmp_path / "shop", ["2010-12-31.csv", "2011-01-30.csv", LATE])
    step = "written gold.fact_sales_monthly"
    jobs = (("load", str(folder)), ("monthly",), ("performance",))
    commands = [("sales", *job) for job in jobs]
    assert killed_at(step, lake.config.home, *commands) == -signal.SIGKILL
    assert killed_at("no step", lake.config.home, *commands) == 0
    ended = fresh(lake)
    assert gold(ended) == expected_gold(folder)
    for table in (RAW_TRANSACTIONS, RAW_TRANSACTION_FILES, FACT_PRODUCT_PERFORMANCE):
        assert version(ended, table) == 1, table.name
    assert ended.view(PROCESSED_MONTHS).where("status = 'completed'").count() == 2

"""Every job, killed at random steps and moments again and again, ends as if nothing had happened."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from events_world import DELIVERIES, deliver
from exported_files import consumed
from lms_lake import small_lms
from sales_lake import write_files

from lakes import lake_at
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.ledger import ETL_JOB_STATUS
from lyceum.systems.events.gold import EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI
from lyceum.systems.events.silver.lm_events import LM_EVENTS
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS
from lyceum.systems.sales.bronze import RAW_TRANSACTION_FILES, RAW_TRANSACTIONS
from lyceum.systems.sales.gold.fact_country_sales import FACT_COUNTRY_SALES
from lyceum.systems.sales.gold.fact_product_performance import FACT_PRODUCT_PERFORMANCE
from lyceum.systems.sales.gold.fact_sales_monthly import FACT_SALES_MONTHLY
from lyceum.systems.sales.months import PROCESSED_MONTHS
from lyceum.systems.sales.silver import FACT_SALES_DAILY
from soak import IS_SOAK

KILLS = 200 if IS_SOAK else 5
WORKER = Path(__file__).parents[1] / "kill_worker.py"
VOLATILE = {
    RAW_TRANSACTIONS: ("_load_id", "_ingested_at"),
    RAW_TRANSACTION_FILES: ("load_id", "loaded_at", "modified_at"),
    FACT_SALES_DAILY: (),
    FACT_SALES_MONTHLY: (),
    FACT_PRODUCT_PERFORMANCE: (),
    FACT_COUNTRY_SALES: (),
    LM_EVENTS: (),
    LM_PARTICIPANTS: (),
    EVENT_PERFORMANCE_KPI: (),
    PRODUCT_PERFORMANCE_KPI: (),
    EVENT_SESSION_DETAILS: ("updated_at",),
    EVENT_SESSION_PRODUCTS: ("updated_at",),
    QUARANTINE: ("seen_at", "load_id"),
}
"""Every table that is compared, without the columns that tell of the load."""


@pytest.fixture(scope="module")
def worker():
    command = [sys.executable, str(WORKER)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="module")
def lms():
    with small_lms(events=12, dirt="missing_id=0.2") as server:
        yield server


def run(worker, lms, home, *, kill_at=None, kill_after=None) -> int:
    """All jobs on a home; the exit code."""
    reached = f"LMS_BASE_URL={lms.url} LMS_CLIENT_ID={lms.config.client_id}"
    settings = f"{reached} LMS_CLIENT_SECRET={lms.config.client_secret} LMS_CHUNK_EVENTS=5"
    jobs = (
        ("sales", "load"),
        ("events", "run"),
        ("sales", "monthly"),
        ("events", "export", "--out", str(home / "out")),
        ("lms", "load"),
        ("sales", "performance"),
    )
    commands = [["--home", str(home), "--quiet", "--settings", settings, *job] for job in jobs]
    lot = {"commands": commands, "kill_at": kill_at, "kill_after": kill_after}
    worker.stdin.write(json.dumps(lot) + "\n")
    worker.stdin.flush()
    return int(worker.stdout.readline())


def delivered(config, home):
    """A home with the same files as every other one."""
    lake = lake_at(config, home)
    write_files(home / "landing" / "sales")
    for day, files in enumerate(DELIVERIES, 1):
        deliver(lake, files, day)
    return lake


def content(lake, home):
    """Every row of every table, what the export's consumer has, and the months."""
    tables = {
        table.name: sorted(map(str, lake.read(table).drop(*dropped).collect()))
        for table, dropped in VOLATILE.items()
    }
    months = lake.view(PROCESSED_MONTHS).select("month_key", "status").collect()
    return tables | {"months": sorted(months), "out": consumed(home / "out", LM_EVENTS.name)}


@pytest.mark.soak
@pytest.mark.slow
def test_whatever_is_killed_the_next_runs_end_as_if_nothing_had_happened(
    config, worker, lms, tmp_path
):
    """Also no run shows as running, and what the consumer of exports has is silver."""
    untouched = delivered(config, tmp_path / "untouched")
    assert run(worker, lms, tmp_path / "untouched") == 0
    expected = content(untouched, tmp_path / "untouched")
    events = {row.event_id for row in untouched.read(LM_EVENTS).collect()}
    assert set(expected["out"]) == events != set()

    kills = homes = 0
    while kills < KILLS:
        homes += 1
        home, chance = tmp_path / str(homes), random.Random(homes)
        lake, code = delivered(config, home), -signal.SIGKILL
        while code == -signal.SIGKILL:
            step, seconds = chance.randint(1, 60), chance.uniform(0.2, 3)
            how = {"kill_at": step} if chance.random() < 0.7 else {"kill_after": seconds}
            code = run(worker, lms, home, **(how if kills < KILLS else {}))
            kills += code == -signal.SIGKILL
        assert code == 0, (homes, how)
        assert content(lake, home) == expected, homes
        states = {row.status for row in lake.view(ETL_JOB_STATUS).collect()}
        assert states <= {"SUCCESS", "FAILED"}, homes

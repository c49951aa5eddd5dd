"""Every job from its first input to its last table, on both engines: the same rows.

Each engine fills a home with a first delivery; then the other one brings the second delivery to it.
So each also reads and writes what the other one made.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame

from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import tables
from lyceum.quality.quarantine import QUARANTINE
from lyceum_lab.lms import Simulator, SimulatorConfig
from lyceum_lab.samples import SampleConfig, write_sample
from lyceum_lab.samples.sales import SalesConfig, write_sales

pytestmark = [pytest.mark.reference, pytest.mark.slow]

PYTHON = {"embedded": os.environ.get("LYCEUM_EMBEDDED_PYTHON", ""), "spark": sys.executable}
OTHER = {"embedded": "spark", "spark": "embedded"}
OF_A_RUN = {
    "_ingested_at", "_load_id", "fetched_at", "load_id", "loaded_at", "run_id", "seen_at", "updated_at",
}  # fmt: skip
"""Columns that tell when and by which run a row came: another one in each home."""
COMPARED = [table for table in tables() if table.layer != "ops"]
OF_A_RECORD = ["quarantine_id", "rule", "severity", "source_key", "record_key", "position"]
"""What a record in quarantine is, but for its JSON text, which each engine writes in its own way."""
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
JOBS = [
    ["lms", "load"],
    ["events", "run"],
    ["events", "export"],
    ["sales", "load"],
    ["sales", "monthly"],
    ["sales", "performance"],
]
RUN = """
import json, sys
from lyceum.cli import main
for command in json.loads(sys.argv[1]):
    if main(command) != 0:
        sys.exit(f"{command} failed")
"""


def run_jobs(engine: str, home: Path, lms: Simulator) -> None:
    """All jobs in one process of an engine."""
    commands = []
    for job in JOBS:
        place = ["--out", str(home / "outbound")] if job[-1] == "export" else []
        commands.append(["--home", str(home), "--quiet", *job, *place])
    # The server of this process has left its address and token in the environment.
    inherited = {name: value for name, value in os.environ.items() if "SPARK" not in name}
    environ = {
        **inherited,
        "LYCEUM_ENGINE": engine,
        "LMS_BASE_URL": lms.url,
        "LMS_CLIENT_ID": lms.config.client_id,
        "LMS_CLIENT_SECRET": lms.config.client_secret,
    }
    command = [PYTHON[engine], "-c", RUN, json.dumps(commands)]
    subprocess.run(command, env=environ, check=True, timeout=900)


def deliver(home: Path, delivery: int) -> None:
    """The input files of one delivery, the same in every home."""
    sample = SampleConfig(rows=600, deliveries=2, dirt="ragged_row=0.02,unknown_event=0.02")
    write_sample(sample, home / "landing", deliveries=(delivery,))
    write_sales(SalesConfig(days=25 * delivery, lines=40), home / "landing" / "sales")
    for file in sorted((home / "landing").rglob("*.*")):
        if file.is_file() and file.stat().st_mtime > WRITTEN.timestamp() + 1_000:
            os.utime(file, (0, WRITTEN.timestamp() + delivery))


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """The home that each engine began and the other one went on with."""
    assert PYTHON["embedded"], "LYCEUM_EMBEDDED_PYTHON says which Python has the embedded engine"
    found = {engine: tmp_path_factory.mktemp(engine) for engine in PYTHON}
    dirt = "missing_id=0.02,unknown_timezone=0.03,garbage_time=0.03,nested_product=0.03"
    with Simulator(SimulatorConfig(events=60, seed=3, dirt=dirt)) as lms:
        for delivery in (1, 2):
            for begun_by, home in found.items():
                deliver(home, delivery)
                run_jobs(begun_by if delivery == 1 else OTHER[begun_by], home, lms)
    return found


def as_text(frame: DataFrame) -> list[str]:
    """The rows without what differs from run to run, as text, sorted."""
    names = [name for name in frame.columns if name not in OF_A_RUN]
    return sorted(json.dumps(list(row), default=str) for row in frame.select(*names).collect())


def in_each(spark, config, homes, read: Callable[[Lakehouse], DataFrame]) -> dict[str, list[str]]:
    """What is read in the home that each engine began."""
    found = {}
    for begun_by, home in homes.items():
        for schema in config.schemas.values():
            spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        lake = Lakehouse(spark, replace(config, home=home, warehouse=f"{home}/warehouse"))
        found[begun_by] = as_text(read(lake))
    return found


@pytest.mark.parametrize("table", COMPARED, ids=lambda table: table.name)
def test_both_engines_leave_the_same_rows(spark, config, homes, table):
    found = in_each(spark, config, homes, lambda lake: lake.read(table))
    assert found["embedded"] == found["spark"]
    assert found["spark"], "an empty table shows nothing"


def test_both_engines_hold_the_same_records_in_quarantine(spark, config, homes):
    def read(lake: Lakehouse) -> DataFrame:
        return lake.read(QUARANTINE).where("resolved_at IS NULL").select(*OF_A_RECORD)

    found = in_each(spark, config, homes, read)
    assert found["embedded"] == found["spark"]
    assert len(found["spark"]) > 20


def test_both_engines_export_the_same_lines(homes):
    found = {
        engine: sorted(
            (file.name.partition("_20")[0], file.read_text(encoding="utf-8"))
            for file in (home / "outbound").glob("*.csv")
        )
        for engine, home in homes.items()
    }
    assert found["embedded"] == found["spark"]
    assert len(found["spark"]) > 2

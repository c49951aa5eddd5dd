"""Pipelines run by Spark's own engine in a child process, on real Delta."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from filelock import FileLock

from lyceum.local.pipeline_run import PipelineEvent, PipelineResult, run_pipeline
from lyceum.storage import Lakehouse
from tables import assert_rows

FLOWS = """
from pyspark import pipelines as dp
from pyspark.sql import SparkSession, functions as F

from columns_of_events import COLUMNS

spark = SparkSession.active()


@dp.table
def raw_events():
    return spark.readStream.schema(COLUMNS).json(spark.conf.get("lyceum.landing"))


@dp.table(name="silver.good_events")
def good_events():
    return spark.readStream.table("bronze.raw_events").where("n > 0")


@dp.materialized_view(name="gold.totals")
def totals():
    return spark.read.table("silver.good_events").groupBy("kind").agg(F.sum("n").alias("total"))
"""
SQL = """
CREATE MATERIALIZED VIEW gold.counted AS SELECT count(*) AS n FROM VALUES (1), (2);
CREATE MATERIALIZED VIEW counted_again AS SELECT n FROM gold.counted;
"""


class Pipelines:
    """Two small pipelines in a folder, and what is in their tables."""

    def __init__(self, folder: Path, lake: Lakehouse) -> None:
        self.folder, self.lake = folder, lake
        self.landing = folder / "landing"
        for name, text in {
            "flows/events.py": FLOWS,
            "flows/columns_of_events.txt": "not a source",
            "columns_of_events.py": "COLUMNS = 'id STRING, kind STRING, n BIGINT'\n",
            "counting.sql": SQL,
        }.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        self.landing.mkdir()

    def land(self, name: str, *lines: str) -> None:
        (self.landing / name).write_text("".join(f"{line}\n" for line in lines))

    def events(self, **options: object) -> PipelineResult:
        settings = {
            "name": "Events (test)",
            "schema": "bronze",
            "root_path": ".",
            "libraries": [{"glob": {"include": "flows/**"}}],
            "configuration": {"lyceum.landing": str(self.landing)},
        }
        return run_pipeline(settings, config=self.lake.config, folder=self.folder, **options)

    def counting(self, **options: object) -> PipelineResult:
        settings = {
            "name": "counting",
            "schema": "silver",
            "libraries": [{"file": {"path": "counting.sql"}}],
        }
        return run_pipeline(settings, config=self.lake.config, folder=self.folder, **options)

    def rows(self, table: str, text: str) -> None:
        folder = f"{self.lake.config.warehouse}/{table.replace('.', '/')}"
        assert_rows(self.lake.spark.read.format("delta").load(folder), text)


@pytest.fixture
def pipelines(tmp_path: Path, lake: Lakehouse) -> Pipelines:
    return Pipelines(tmp_path, lake)


@pytest.mark.slow
def test_a_pipeline_is_incremental_and_survives_being_killed(pipelines):
    """One story, for each run costs 20 s: killed beside another, run again, refreshed in part."""
    pipelines.land("a.json", '{"id":"1","kind":"x","n":1}', '{"id":"2","kind":"y","n":-1}')

    stop = threading.Event()

    def stop_in_the_middle(event: PipelineEvent) -> None:
        if (event.name, event.state) == ("spark_catalog.silver.good_events", "RUNNING"):
            stop.set()

    with ThreadPoolExecutor() as pool:
        counting = pool.submit(pipelines.counting)
        killed = pipelines.events(on_event=stop_in_the_middle, cancelled=stop)
    assert (killed.state, killed.error) == ("CANCELED", "cancelled")
    assert counting.result().error is None
    assert counting.result().written.keys() == {"gold.counted", "silver.counted_again"}
    pipelines.rows("silver.counted_again", "n\n2")

    lock = FileLock(pipelines.lake.locks_folder / "gold.totals.lock", thread_local=False)
    lock.acquire()
    waited = []

    def release(event: PipelineEvent) -> None:
        if event.message.startswith("waits"):
            waited.append(event.message)
            lock.release()

    first = pipelines.events(on_event=release)
    assert waited == ["waits for gold.totals, which another process writes"]
    assert (first.state, first.error) == ("COMPLETED", None)
    assert first.datasets == ["bronze.raw_events", "gold.totals", "silver.good_events"]
    assert set(first.flows.values()) == {"COMPLETED"}
    pipelines.rows("bronze.raw_events", "id | kind | n\n1 | x | 1\n2 | y | -1")
    pipelines.rows("gold.totals", "kind | total\nx | 1")

    pipelines.land("b.json", '{"id":"3","kind":"x","n":5}')
    second = pipelines.events(
        refresh=["bronze.raw_events"], full_refresh_selection=["silver.good_events"]
    )
    assert second.written.keys() == {"bronze.raw_events", "silver.good_events"}
    assert second.flows["spark_catalog.gold.totals"] == "EXCLUDED"
    pipelines.rows("bronze.raw_events", "id | kind | n\n1 | x | 1\n2 | y | -1\n3 | x | 5")
    pipelines.rows("silver.good_events", "id | kind | n\n1 | x | 1\n3 | x | 5")
    pipelines.rows("gold.totals", "kind | total\nx | 1")


def test_a_flow_that_cannot_be_resolved_is_the_reason_in_one_line(pipelines):
    (pipelines.folder / "counting.sql").write_text(
        "CREATE MATERIALIZED VIEW a AS SELECT * FROM gone"
    )
    result = pipelines.counting()
    assert result.state == "FAILED"
    assert result.error.startswith("spark_catalog.silver.a: [TABLE_OR_VIEW_NOT_FOUND]")
    assert result.error.count("\n") == 0
    assert result.log.is_file()


PARENT = """
import sys
from pathlib import Path
from lyceum.config import Config
from lyceum.local.pipeline_run import run_pipeline
settings = {"name": "it", "libraries": [{"file": {"path": "counting.sql"}}]}
home = Path(sys.argv[1])
run_pipeline(settings, config=Config.load(home), folder=home,
             on_event=lambda event: print(event.message, flush=True))
"""


def processes_in(group: int) -> list[str]:
    """The processes of a process group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(stat.parent.name)
    return found


def test_a_killed_parent_takes_its_child_along(pipelines):
    command = [sys.executable, "-c", PARENT, str(pipelines.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "starting Spark\n"
        [child] = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        time.sleep(2)
        assert len(processes_in(int(child))) >= 2
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while processes_in(int(child)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_in(int(child)) == []

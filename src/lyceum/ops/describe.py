"""What `lyceum tables` and `lyceum status` show."""

from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import functions as F
from rich.filesize import decimal

from lyceum.ops.ledger import ETL_JOB_STATUS, waiting_states
from lyceum.ops.locks import is_running_here
from lyceum.ops.reporter import Reporter
from lyceum.storage import Lakehouse
from lyceum.storage.inspect import facts, history
from lyceum.storage.schema import declared_schema
from lyceum.table import Table
from lyceum.tables import TABLES


def show_tables(lake: Lakehouse, reporter: Reporter) -> None:
    """One line a table that exists: rows, size, last change, what a row is."""
    on_disk = set(lake.tables_on_disk())
    present = [t for t in TABLES if (lake.config.schemas[t.layer], t.short_name) in on_disk]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda table: facts(lake, table), present))
    rows = [
        (t.name, f"{f.rows:,}", decimal(f.bytes), f"{f.modified_at:%Y-%m-%d %H:%M}", t.grain)
        for t, f in zip(present, found, strict=True)
    ]
    reporter.table("Tables", ["table", "rows", "size", "changed", "a row is"], rows)
    absent = len(TABLES) - len(present)
    if absent:
        reporter.say(f"{absent} declared tables are not there yet: the first run makes them")


def show_table(lake: Lakehouse, table: Table, reporter: Reporter) -> None:
    """A table's declaration, its content in figures and its latest versions."""
    now = facts(lake, table)
    reporter.result(
        table.name,
        {
            "a row is": table.grain,
            "keys": ", ".join(table.keys),
            "clustered by": ", ".join(table.clustering) or "nothing",
            "kept for": f"{table.retention_days} days" if table.retention_days else "ever",
            "personal data": ", ".join(table.personal) or "none",
            "rows": f"{now.rows:,}",
            "size": f"{decimal(now.bytes)} in {now.files} files",
            "version": now.version,
        },
    )
    columns = [
        (f.name, f.dataType.simpleString(), "" if f.nullable else "not null", f.metadata["comment"])
        for f in declared_schema(lake.spark, table)
    ]
    reporter.table("Columns", ["column", "type", "", "meaning"], columns)
    when = F.col("timestamp").cast("string")
    versions = history(lake, table, limit=10).select("version", when, "operation")
    reporter.table("Latest versions", ["version", "at (UTC)", "operation"], versions.collect())


def show_runs(lake: Lakehouse, reporter: Reporter, *, limit: int) -> None:
    """The latest runs; one whose process is gone shows as DIED until the next run records it."""
    waiting_states(lake).land(lake)
    runs = lake.view(ETL_JOB_STATUS).orderBy(F.desc("started_at")).limit(limit)
    started = F.date_format("started_at", "yyyy-MM-dd HH:mm:ss").alias("started")
    rows = runs.select("*", started).collect()
    alive = {row.job_name: is_running_here(lake, row.job_name) for row in rows}
    shown = [
        (
            row.id[:8],
            row.job_name,
            "DIED" if row.status == "RUNNING" and not alive[row.job_name] else row.status,
            row.started,
            "" if row.duration_ms is None else f"{row.duration_ms / 1000:.1f} s",
            row.rows_processed,
            row.error_message,
        )
        for row in rows
    ]
    columns = ["run", "job", "status", "started (UTC)", "took", "rows", "error"]
    reporter.table("Latest runs", columns, shown)

"""What `lyceum tables` and `lyceum status` show."""

from pyspark.sql import functions as F
from rich.filesize import decimal

from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import tables
from lyceum.model.table import Table
from lyceum.runs.ledger import job_status
from lyceum.runs.reporter import Reporter
from pocketlake.declaration import declared_columns


def show_tables(lake: Lakehouse, reporter: Reporter) -> None:
    """One line a table that exists: rows, size, last change, what a row is."""
    on_disk = set(lake.tables())
    present = [t for t in tables() if (lake.config.schemas[t.layer], t.short_name) in on_disk]
    rows = []
    for table in present:
        size = changed = ""
        if not lake.is_materialized(table):
            facts = lake.facts(table)
            size, changed = decimal(facts.bytes), f"{facts.modified_at:%Y-%m-%d %H:%M}"
        rows.append((table.name, f"{lake.read(table).count():,}", size, changed, table.grain))
    reporter.table("Tables", ["table", "rows", "size", "changed", "a row is"], rows)
    absent = len(tables()) - len(present)
    if absent:
        reporter.say(f"{absent} declared tables are not there yet: the first run makes them")


def show_table(lake: Lakehouse, table: Table, reporter: Reporter) -> None:
    """A table's declaration, its content in figures and its latest versions."""
    if not lake.exists(table):
        reporter.say(f"{table.name} is not there yet: the first run makes it")
        return
    is_view = lake.is_materialized(table)
    reporter.result(
        table.name,
        {
            "a row is": table.grain,
            "keys": ", ".join(table.keys),
            "clustered by": ", ".join(table.clustering) or "nothing",
            "kept for": f"{table.retention_days} days" if table.retention_days else "ever",
            "personal data": ", ".join(table.personal) or "none",
            "rows": f"{lake.read(table).count():,}",
            **({} if is_view else _facts(lake, table)),
        },
    )
    columns = [
        (c.name, c.ddl_type.lower(), "not null" if c.is_required else "", c.comment)
        for c in declared_columns(table.columns)
    ]
    reporter.table("Columns", ["column", "type", "", "meaning"], columns)
    if is_view:
        reporter.say("It is a view of a pipeline, which keeps its versions to itself")
        return
    versions = [
        (commit.version, f"{commit.timestamp:%Y-%m-%d %H:%M:%S}", commit.operation)
        for commit in lake.history(table, limit=10)
    ]
    reporter.table("Latest versions", ["version", "at (UTC)", "operation"], versions)


def _facts(lake: Lakehouse, table: Table) -> dict[str, object]:
    now = lake.facts(table)
    return {"size": f"{decimal(now.bytes)} in {now.files} files", "version": now.version}


def show_runs(lake: Lakehouse, reporter: Reporter, *, limit: int) -> None:
    """The latest runs; one whose process is gone shows as DIED until the next run records it."""
    runs = job_status(lake).orderBy(F.desc("started_at")).limit(limit)
    started = F.date_format("started_at", "yyyy-MM-dd HH:mm:ss").alias("started")
    rows = runs.select("*", started).collect()
    shown = [
        (
            row.id[:8],
            row.job_name,
            row.status,
            row.started,
            "" if row.duration_ms is None else f"{row.duration_ms / 1000:.1f} s",
            row.rows_processed,
            row.error_message,
        )
        for row in rows
    ]
    columns = ["run", "job", "status", "started (UTC)", "took", "rows", "error"]
    reporter.table("Latest runs", columns, shown)

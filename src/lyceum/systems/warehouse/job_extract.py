"""The job `extract_oltp`: what is new in the OLTP database, to files in the landing folder."""

from collections.abc import Iterable
from pathlib import Path

from lyceum.errors import LyceumError
from lyceum.lakehouse import Lakehouse
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from lyceum.settings import Settings
from lyceum.systems.warehouse.settings import WarehouseSettings
from lyceum.systems.warehouse.source.connection import Source
from lyceum.systems.warehouse.source.landing import Landing
from lyceum.systems.warehouse.source.sync import Synced, sync
from lyceum.systems.warehouse.source.tables import SOURCE_TABLES

JOB = "extract_oltp"


class TablesFailedError(LyceumError):
    """Some tables of the source could not be read; the others were."""


def extract(lake: Lakehouse, reporter: Reporter) -> Synced:
    """Land what is new in all tables; a table that fails is told once the others are landed.

    Raises:
        SourceDownError: The database does not answer; nothing was landed.
        TablesFailedError: Some tables could not be read.
    """
    with Run.of(lake, JOB, reporter=reporter) as run:
        run.begin()
        synced = land_news(run, SOURCE_TABLES)
        if synced.failures:
            raise TablesFailedError("; ".join(synced.failures.values()))
    return synced


def land_news(run: Run, names: Iterable[str]) -> Synced:
    """Land what is new in some tables, counted for the run; the caller tells of those that failed.

    Raises:
        SourceDownError: The database does not answer; nothing was landed.
    """
    settings = run.lake.config.of(WarehouseSettings)
    url = settings.database_url.get_secret_value()
    source = Source(url, timeout_seconds=settings.timeout_seconds)
    landing = Landing(landing_folder(run.lake.config))
    for name in SOURCE_TABLES:  # streams want the folders of all tables
        landing.folder(name).mkdir(parents=True, exist_ok=True)
    with run.reporter.step(f"Extract {source.where}") as step:
        synced = sync(
            source,
            landing,
            [SOURCE_TABLES[name] for name in names],
            schema=settings.schema_name,
            connections=settings.connections,
        )
        step.note = _note(synced)
    run.rows_processed = sum(table.fresh for table in synced.tables.values())
    run.rows_inserted = sum(table.landed for table in synced.tables.values())
    run.rows_deleted = sum(table.deleted for table in synced.tables.values())
    _show(synced, run.reporter)
    return synced


def landing_folder(config: Settings) -> Path:
    """Where the files of the OLTP database are landed."""
    return config.landing / "oltp"


def _note(synced: Synced) -> str:
    landed = sum(table.landed for table in synced.tables.values())
    deleted = sum(table.deleted for table in synced.tables.values())
    return f"{landed:,} new rows, {deleted:,} gone" if landed or deleted else "no news"


def _show(synced: Synced, reporter: Reporter) -> None:
    news = {n: t for n, t in synced.tables.items() if t.landed or t.deleted or t.error}
    if news:
        rows = [(n, t.fresh, t.landed, t.deleted, t.error) for n, t in sorted(news.items())]
        reporter.table("Extracted", ["table", "read", "landed", "gone", "error"], rows)
    for name, table in synced.tables.items():
        if table.undeclared:
            columns = ", ".join(table.undeclared)
            reporter.say(f"{name} has columns that are not declared: {columns}; see _rescued")

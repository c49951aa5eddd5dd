"""The job of an export: rows that differ from what the consumer has, as files with a manifest.

First the changes are kept in a table, then written to files, the manifest last, then they count as
sent. Whatever is killed in between is repeated from that table: the same names, the same bytes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.errors import UsageError
from lyceum.exports.declaration import Export, changes, exported_rows
from lyceum.exports.files import ExportedFile, write_manifest, write_table
from lyceum.exports.ledger import EXPORT_CHANGES, EXPORT_ROWS, EXPORTS, name_suffix
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run


class DestinationError(UsageError):
    """The folder of an export cannot be written."""


@dataclass(frozen=True)
class Request:
    """What is asked of an export."""

    consumer: str
    destination: Path
    is_full: bool = False
    is_excel_safe: bool = False


def export(lake: Lakehouse, reporter: Reporter, what: Export, request: Request) -> Path:
    """Write what changed since the consumer's last export, or all rows; returns the manifest.

    An export that died is finished first, under its own names; what changed since then follows as
    one of its own.

    Raises:
        DestinationError: The folder cannot be written.
    """
    job = f"{what.name}:{request.consumer}"
    with Run.of(lake, job, vars(request), reporter=reporter, resume=True) as run:
        with run.stage("find_changes") as stage:
            if not stage.is_done:
                _keep_changes(run, what, request)
        with run.stage("write_files", unit="rows") as stage:
            manifest, files = _write_files(run, what, request)
            stage.done = run.rows_processed = sum(file.rows for file in files)
        with run.stage("mark_as_sent"):
            _mark_as_sent(run, what, request, files)
        rows = {file.name: file.rows for file in files}
        reporter.result("Exported", {**rows, "manifest": manifest})
        has_more = run.is_resumed and not _changed(run, what, request).isEmpty()
    # Only now: a run that has not ended is repeated from them.
    lake.delete(EXPORT_CHANGES, where="export_id = :id", args={"id": run.id})
    return export(lake, reporter, what, request) if has_more else manifest


def _keep_changes(run: Run, what: Export, request: Request) -> None:
    """Keep what the export sends: from now on it is the same however often it is repeated."""
    args = {"export": what.name, "consumer": request.consumer, "id": run.id}
    given_up = "export_name = :export AND consumer = :consumer AND export_id <> :id"
    run.lake.delete(EXPORT_CHANGES, where=given_up, args=args)
    run.lake.append(EXPORT_CHANGES, _changed(run, what, request), once=(f"export:{run.id}", 1))


def _changed(run: Run, what: Export, request: Request) -> DataFrame:
    """What differs from what the consumer has, in the columns of EXPORT_CHANGES."""
    sent = _of_consumer(run.lake, EXPORT_ROWS, what, request)
    found = []
    for one in what.tables:
        of_table = sent.where(F.col("table_name") == one.table.name)
        now = exported_rows(run.lake.read(one.table), one)
        rows = changes(now, of_table, is_full=request.is_full)
        found.append(rows.withColumn("table_name", F.lit(one.table.name)))
    return reduce(DataFrame.unionByName, found).withColumns(
        {
            "export_name": F.lit(what.name),
            "consumer": F.lit(request.consumer),
            "export_id": F.lit(run.id),
        }
    )


def _write_files(run: Run, what: Export, request: Request) -> tuple[Path, list[ExportedFile]]:
    """Write a file a table, then the manifest, from the changes that are kept."""
    earlier = _of_consumer(run.lake, EXPORTS, what, request).where(F.col("export_id") != run.id)
    last = earlier.orderBy(F.desc("recorded_at")).limit(1).collect()
    follows = None if request.is_full or not last else last[0].export_id
    suffix = name_suffix(run.started_at, run.id)
    mine = run.lake.read(EXPORT_CHANGES).where(F.col("export_id") == run.id)
    try:
        request.destination.mkdir(parents=True, exist_ok=True)
        files = []
        for one in what.tables:
            path = request.destination / f"{one.table.short_name}_{suffix}.csv"
            rows = mine.where(F.col("table_name") == one.table.name)
            types = run.lake.read(one.table).schema
            files.append(write_table(path, rows, one, types, is_excel_safe=request.is_excel_safe))
        facts = {
            "export": run.id,
            "consumer": request.consumer,
            "kind": "changes" if follows else "full",
            "follows": follows,
            "started_at": run.started_at.isoformat(),
            "excel_safe": request.is_excel_safe,
        }
        return write_manifest(request.destination / f"manifest_{suffix}.json", facts, files), files
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"expected a folder to write to, found {request.destination}: {reason}"
        raise DestinationError(message) from None


def _mark_as_sent(run: Run, what: Export, request: Request, files: list[ExportedFile]) -> None:
    """The consumer has the rows from now on, whatever it does with the files."""
    mine = run.lake.read(EXPORT_CHANGES).where(F.col("export_id") == run.id)
    run.lake.merge(EXPORT_ROWS, mine, unless_only=("export_id",))
    rows = [
        (
            run.id,
            what.name,
            request.consumer,
            file.table_name,
            request.is_full,
            request.is_excel_safe,
            str(request.destination),
            file.rows,
            file.removed_count,
            file.sha256,
            run.started_at,
            datetime.now(UTC),
        )
        for file in files
    ]
    run.lake.append(EXPORTS, run.lake.rows(EXPORTS, rows), once=(f"exported:{run.id}", 1))


def _of_consumer(lake: Lakehouse, table: Table, what: Export, request: Request) -> DataFrame:
    of_export = lake.read(table).where(F.col("export_name") == what.name)
    return of_export.where(F.col("consumer") == request.consumer)

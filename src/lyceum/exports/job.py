"""The job of an export: rows that changed since the consumer's last one, as files with a manifest.

The plan is recorded before the files, the watermark after them; the manifest comes last. Whatever
is killed in between is repeated from its plan: the same names, the same bytes.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row

from lyceum.errors import UsageError
from lyceum.exports.csv_file import FileFacts, excel_safe, flush_to_disk, write_csv
from lyceum.exports.declaration import Export, ExportedTable, as_text, changes
from lyceum.exports.ledger import History, Plan, Request, Span, history, record
from lyceum.lakehouse import Lakehouse
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from pocketlake import Version

_REMOVED_LISTED = 10_000
_ASIDE = ".lyceum-export-"
_ABSENT = Version("", 0)
"""A table that nobody has written yet has no rows; once it is there it is another one."""


class DestinationError(UsageError):
    """The folder of an export cannot be written."""


@dataclass(frozen=True)
class _Change:
    """The rows of a table that an export holds, and the keys that are gone."""

    rows: DataFrame
    removed: list[list[object]] | None = None


def export(lake: Lakehouse, reporter: Reporter, what: Export, request: Request) -> Path:
    """Write what changed since the consumer's last export, or all rows; returns the manifest.

    An export that died is finished first, under its own names.
    """
    parameters = {"destination": request.destination, "full": request.is_full}
    with Run.of(lake, what.name, parameters, reporter=reporter) as run:
        run.begin()
        _prepare(request.destination)
        known, now = history(lake, request), _versions(lake, what)
        plan = known.unfinished(request)
        if plan is not None and _is_of(plan, now):
            reporter.say(f"Finishing the export of {plan.started_at:%Y-%m-%d %H:%M} UTC")
            manifest, rows = _carry_out(lake, reporter, what, plan)
            is_behind = any(now[s.table_name].number != s.to_version for s in plan.spans)
            known = history(lake, request)
        else:
            is_behind = True
        if is_behind:
            plan = _new_plan(lake, request, known, now)
            manifest, rows = _carry_out(lake, reporter, what, plan)
        run.rows_processed = rows
    return manifest


def _prepare(destination: Path) -> None:
    """Make the folder and clear what dead exports left aside in it."""
    try:
        destination.mkdir(parents=True, exist_ok=True)
        for aside in destination.glob(f"{_ASIDE}*"):
            shutil.rmtree(aside)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"expected a folder to write to, found {destination}: {reason}"
        raise DestinationError(message) from None


def _versions(lake: Lakehouse, what: Export) -> dict[str, Version]:
    """The present version of every table."""
    tables = [exported.table for exported in what.tables]
    return {table.name: lake.version(table) or _ABSENT for table in tables}


def _is_of(plan: Plan, now: dict[str, Version]) -> bool:
    """True if the plan's tables are still the same; one made anew counts its versions anew."""
    return {s.table_name: s.table_id for s in plan.spans} == {
        name: version.table_id for name, version in now.items()
    }


def _new_plan(lake: Lakehouse, request: Request, known: History, now: dict[str, Version]) -> Plan:
    """From the consumer's watermark to the present versions."""
    marks = {} if request.is_full else known.watermarks
    spans = []
    for name, version in now.items():
        mark = marks.get(name)
        is_same_table = mark is not None and mark.table_id == version.table_id
        since = mark.to_version if mark is not None and is_same_table else None
        spans.append(Span(name, version.table_id, since, version.number))
    plan = Plan(request, tuple(spans))
    record(lake, plan, "STARTED", {})
    return plan


def _carry_out(lake: Lakehouse, reporter: Reporter, what: Export, plan: Plan) -> tuple[Path, int]:
    """Make the files aside, give them their names, the manifest last, then move the watermark."""
    destination = plan.request.destination
    facts: dict[str, FileFacts] = {}
    entries = []
    with _aside(plan) as aside:
        for exported in what.tables:
            with reporter.step(f"Export {exported.table.name}", unit="rows") as step:
                entry, found = _write_table(lake, reporter, exported, plan, aside)
                step.done = found.rows
            entries.append(entry)
            facts[exported.table.name] = found
        manifest = aside / f"manifest_{plan.suffix}.json"
        _write_json(manifest, _manifest(plan, entries))
        for entry in entries:
            (aside / str(entry["name"])).replace(destination / str(entry["name"]))
        _flush_folder(destination)
        manifest.replace(destination / manifest.name)
        _flush_folder(destination)
    record(lake, plan, "DONE", {name: (f.rows, f.sha256) for name, f in facts.items()})
    rows = {str(entry["name"]): entry["rows"] for entry in entries}
    reporter.result("Exported", {**rows, "manifest": destination / manifest.name})
    return destination / manifest.name, sum(f.rows for f in facts.values())


@contextmanager
def _aside(plan: Plan) -> Iterator[Path]:
    """A folder beside the files to be, on the same disk so that they can be renamed."""
    folder = plan.request.destination / f"{_ASIDE}{plan.id}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_table(
    lake: Lakehouse, reporter: Reporter, exported: ExportedTable, plan: Plan, aside: Path
) -> tuple[dict[str, object], FileFacts]:
    """Write one table's file; returns its entry in the manifest."""
    span, table = plan.span(exported.table), exported.table
    change = _change(lake, reporter, exported, span)
    path = aside / f"{table.short_name}_{plan.suffix}.csv"
    ordered = change.rows.orderBy(*table.keys).transform(as_text)
    cells: Iterator[Row | list[str | None]] = ordered.toLocalIterator()
    if plan.request.is_excel_safe:
        cells = ([excel_safe(cell) for cell in row] for row in cells)
    found = write_csv(path, exported.columns, cells)
    kinds = {f.name: f.dataType.simpleString() for f in change.rows.schema}
    entry: dict[str, object] = {
        "name": path.name,
        "table": table.name,
        "keys": table.keys,
        "rows": found.rows,
        "bytes": found.bytes,
        "sha256": found.sha256,
        "columns": [{"name": name, "type": kinds[name]} for name in exported.columns],
        "watermark": {
            "table_id": span.table_id,
            "from_version": span.from_version,
            "to_version": span.to_version,
        },
    }
    return entry | _removed(change), found


def _change(lake: Lakehouse, reporter: Reporter, exported: ExportedTable, span: Span) -> _Change:
    """The rows to export; all of them where the earlier version cannot be read."""
    table = exported.table
    current = lake.read(table, version=span.to_version).select(*exported.columns)
    if span.from_version is None:
        return _Change(current)
    if span.from_version == span.to_version:
        return _Change(current.limit(0), [])
    previous = lake.read(table, version=span.from_version).select(*exported.columns)
    try:
        found = changes(current, previous, keys=table.keys)
        gone = found.where("is_removed").select(*table.keys).orderBy(*table.keys)
        removed = [list(row) for row in gone.limit(_REMOVED_LISTED + 1).collect()]
        return _Change(found.where("NOT is_removed").drop("is_removed"), removed)
    except PySparkException:
        reason = f"version {span.from_version} cannot be read any more"
        reporter.say(f"{table.name}: {reason}, so all rows are exported")
        return _Change(current)


def _removed(change: _Change) -> dict[str, object]:
    """What the manifest says of keys that are gone; a full export knows of none."""
    if change.removed is None:
        return {}
    is_complete = len(change.removed) <= _REMOVED_LISTED
    return {"removed": change.removed[:_REMOVED_LISTED], "removed_is_complete": is_complete}


def _manifest(plan: Plan, entries: list[dict[str, object]]) -> dict[str, object]:
    """The same for a plan whenever it is carried out."""
    is_full = all(span.from_version is None for span in plan.spans)
    return {
        "export": plan.id,
        "consumer": plan.request.consumer,
        "kind": "full" if is_full else "changes",
        "started_at": plan.started_at.isoformat(),
        "encoding": "utf-8",
        "delimiter": "|",
        "line_end": "\n",
        "null": "an empty field without quotes",
        "excel_safe": plan.request.is_excel_safe,
        "files": entries,
    }


def _write_json(path: Path, content: dict[str, object]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        flush_to_disk(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Put the new names onto the disk before what depends on them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        flush_to_disk(descriptor)
    except OSError:
        # A mounted object store has no folders to flush: there a rename is on the disk at once.
        return
    finally:
        os.close(descriptor)

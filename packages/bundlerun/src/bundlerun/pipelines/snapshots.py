"""AUTO CDC from snapshots: each snapshot compared with what the target had before it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from bundlerun.pipelines.changes import END, START, SnapshotFlow, Target, Version
from bundlerun.pipelines.checkpoint import write_json
from bundlerun.pipelines.errors import PipelineError
from bundlerun.pipelines.graph import Node
from bundlerun.pipelines.history import matched
from bundlerun.pipelines.outcome import Outcome
from bundlerun.pipelines.stored import Stored
from bundlerun.pipelines.views import input_versions
from bundlerun.pipelines.work import Rows, Work
from pocketlake import Written

_KINDS: dict[str, Callable[[str], Version]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "int": int,
    "float": float,
    "str": str,
}


def update_snapshots(work: Work, node: Node, *, anew: bool) -> Outcome | None:
    """Bring the snapshots that are new into the target; None if there is none.

    Raises:
        PipelineError: A snapshot has a key twice, or is no newer than the one before.
    """
    flow, target = node.dataset.snapshots, node.target
    assert flow is not None  # noqa: S101 - the caller asked
    assert target is not None  # noqa: S101 - see above
    table = replace(work.stored(node.dataset.name), keys=target.row_keys)
    file = work.folder(table.name) / "snapshot.json"
    state = {} if anew else _recorded(work, table, file)
    outcome: Outcome | None = None
    with work.session.reading(Rows(work, None, None)):
        for snapshot, version, inputs in _snapshots(work, node, flow, state):
            rows = work.staged(f"{table.name}.snapshot", snapshot)
            _refuse_duplicates(table, target, rows)
            work.tell("writing", table.name)
            written = _write(work, table, target, rows, version, anew=not state)
            work.tell("written", table.name)
            state = {"table": _table_id(work, table), "inputs": inputs, **_noted(version)}
            write_json(file, state)
            found = Outcome(written.inserted, written.updated, written.deleted)
            outcome = found.after(outcome)
    return outcome


def _snapshots(
    work: Work, node: Node, flow: SnapshotFlow, state: dict[str, object]
) -> Iterator[tuple[DataFrame, Version, object]]:
    """Snapshots that the target has not seen, each with its version and what it was read from."""
    if isinstance(flow.source, str):
        inputs = {"code": node.fingerprint, "tables": input_versions(work, node)}
        is_certain = not node.reads.others and not node.is_of_the_moment
        if not (is_certain and state.get("inputs") == inputs):
            yield flow.func(), datetime.now(UTC), inputs
        return
    latest = _version(state)
    while (found := flow.source(latest)) is not None:
        rows, version = found
        if latest is not None and not version > latest:  # type: ignore[operator]
            message = f"expected a snapshot of {node.dataset.name} that is newer than {latest}"
            raise PipelineError(f"{message}, found {version}")
        yield rows, version, None
        latest = version


def _write(
    work: Work, table: Stored, target: Target, rows: DataFrame, version: Version, *, anew: bool
) -> Written:
    """The target as it is after the snapshot, in one commit."""
    columns = [f"`{name}`" for name in (*target.keys, *target.values)]
    rows = rows.select(*columns)
    if target.scd_type == 1:
        if not anew:
            return work.lake.merge(table, rows, delete="true")
        work.lake.replace(table, rows)
        return Written(inserted=rows.count())
    work.lake.ensure(table)
    there = work.lake.read(table)
    types = {field.name: field.dataType for field in there.schema}
    since, never = F.lit(_on_utc(version)).cast(types[START]), F.lit(None).cast(types[END])
    if anew:
        work.lake.replace(table, _spanned(rows, since, never))
        return Written(inserted=rows.count())
    before = work.staged(f"{table.name}.open", there.where(F.col(END).isNull()))
    same = (*target.keys, *target.tracked)
    begun = _spanned(matched(rows, before, same, "left_anti"), since, never)
    ended = matched(before, rows, same, "left_anti").withColumn(END, since)
    news = begun.unionByName(ended)
    if len(target.tracked) < len(target.values):
        going_on = matched(rows, before, same, "inner", kept=[START])
        news = news.unionByName(going_on.withColumn(END, never))
    return work.lake.merge(table, news)


def _spanned(rows: DataFrame, since: Column, until: Column) -> DataFrame:
    return rows.withColumn(START, since).withColumn(END, until)


def _refuse_duplicates(table: Stored, target: Target, rows: DataFrame) -> None:
    keys = [f"`{name}`" for name in target.keys]
    if not rows.groupBy(*keys).count().where("count > 1").isEmpty():
        message = f"expected one row a key in a snapshot for {table.name}"
        raise PipelineError(f"{message}, found several with one {', '.join(target.keys)}")


def _recorded(work: Work, table: Stored, file: Path) -> dict[str, object]:
    """What was noted of the last snapshot; nothing if the table is another one."""
    if not file.exists():
        return {}
    found: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return found if found["table"] == _table_id(work, table) else {}


def _table_id(work: Work, table: Stored) -> str | None:
    version = work.lake.version(table)
    return None if version is None else version.table_id


def _noted(version: Version) -> dict[str, object]:
    return {"kind": type(version).__name__, "version": str(version)}


def _on_utc(version: Version) -> Version:
    """A time without a zone is UTC, wherever this runs."""
    if isinstance(version, datetime) and version.tzinfo is None:
        return version.replace(tzinfo=UTC)
    return version


def _version(state: dict[str, object]) -> Version | None:
    return _KINDS[str(state["kind"])](str(state["version"])) if state else None

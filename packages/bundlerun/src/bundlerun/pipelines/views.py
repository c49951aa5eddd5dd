"""Materialized views: computed if what they read has changed, written if their rows have."""

import json
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bundlerun.pipelines.checkpoint import write_json
from bundlerun.pipelines.expectations import expectations_of
from bundlerun.pipelines.graph import Node
from bundlerun.pipelines.outcome import Outcome
from bundlerun.pipelines.stored import Stored
from bundlerun.pipelines.work import Rows, Work
from pocketlake import Version

_SIGN = "_sign_of_row"


def update_view(work: Work, node: Node, *, anew: bool) -> Outcome | None:
    """Bring a view up to date; None if nothing that it depends on has changed.

    It depends on its code, the versions of what it reads and its own: whoever else wrote it, the
    next update mends it. A view that reads files or the clock is computed each time.
    """
    table = work.stored(node.dataset.name)
    file = work.folder(table.name) / "view.json"
    inputs = input_versions(work, node)
    present = _state(work, table, node, inputs)
    is_certain = not node.reads.others and not node.is_of_the_moment
    recorded = _recorded(file)
    if not anew and is_certain and recorded == present:
        return None
    [query] = node.dataset.queries.values()
    with work.session.reading(Rows(work, None, None)):
        rows, counts = work.measured(table.name, query(), expectations_of(query))
    rows = rows.select(*node.schema.names)
    work.tell("writing", table.name)
    # A merge takes the rows that are there for its own: others may have written a key twice.
    is_ours = recorded is None or recorded["version"] == present["version"]
    merges = table.keys and is_ours and not anew
    outcome = _merged(work, table, rows) if merges else _replaced(work, table, rows)
    work.tell("written", table.name)
    write_json(file, _state(work, table, node, inputs))
    if counts is None:
        return outcome
    return Outcome(
        outcome.inserted,
        outcome.updated,
        outcome.deleted,
        counts.dropped,
        counts.expectations,
    )


def input_versions(work: Work, node: Node) -> dict[str, str | None]:
    """The versions of the tables that a query reads, to be compared with what was recorded."""
    return {name: _word(work.lake.version(work.stored(name))) for name in node.inputs}


def _merged(work: Work, table: Stored, rows: DataFrame) -> Outcome:
    """Upsert by the keys; what is not among the rows is deleted."""
    written = work.lake.merge(table, rows, delete="true")
    return Outcome(written.inserted, written.updated, written.deleted)


def _replaced(work: Work, table: Stored, rows: DataFrame) -> Outcome:
    """Replace all rows if they are others than before, by how often each is there."""
    work.lake.ensure(table)
    rows = work.staged(f"{table.name}.new", rows)
    before = work.lake.read(table).select(*rows.columns)
    signed = rows.select("*", F.lit(1).alias(_SIGN)).unionByName(
        before.select("*", F.lit(-1).alias(_SIGN))
    )
    surplus = signed.groupBy(*rows.columns).agg(F.sum(_SIGN).alias(_SIGN))
    counts = surplus.agg(
        F.sum(F.greatest(_SIGN, F.lit(0))).alias("new"),
        F.sum(F.greatest(-F.col(_SIGN), F.lit(0))).alias("gone"),
    ).collect()[0]
    outcome = Outcome(inserted=int(counts["new"] or 0), deleted=int(counts["gone"] or 0))
    if outcome.inserted or outcome.deleted:
        work.lake.replace(table, rows)
    return outcome


def _state(
    work: Work, table: Stored, node: Node, inputs: dict[str, str | None]
) -> dict[str, object]:
    """What a view depends on, to be compared with what was recorded."""
    version = _word(work.lake.version(table))
    keys = list(table.keys)
    return {"code": node.fingerprint, "keys": keys, "inputs": inputs, "version": version}


def _word(version: Version | None) -> str | None:
    return None if version is None else f"{version.table_id}@{version.number}"


def _recorded(file: Path) -> dict[str, object] | None:
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return found if isinstance(found, dict) else None

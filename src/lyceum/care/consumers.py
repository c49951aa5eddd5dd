"""How far back a table must be readable: streams and jobs compare it with what they read last."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.runs.watermarks import WATERMARKS
from pocketlake import Declaration

LONGEST_DAYS = 30
"""A consumer that stays away longer reads all rows again: it does not hold history for ever."""
_COMMITS = 10_000


def hours_needed(lake: Lakehouse, table: Declaration, hours: int, now: datetime) -> int:
    """For how many hours back the table's files are kept: at least `hours`.

    More if a consumer has still to read what came after an older version.
    """
    versions = {*_watermarks(lake, table), *_checkpoints(lake, table)}
    if not versions:
        return hours
    since = now - timedelta(days=LONGEST_DAYS)
    commits = [c for c in lake.history(table, limit=_COMMITS) if c.timestamp >= since]
    moments = [c.timestamp for c in commits if c.version in versions]
    if not moments:
        return hours
    age = now - min(moments).astimezone(UTC)
    return max(hours, int(age.total_seconds() // 3600) + 1)


def _watermarks(lake: Lakehouse, table: Declaration) -> Iterator[int]:
    """The versions up to which jobs have read the table."""
    rows = lake.read(WATERMARKS).where(F.col("source") == table.name)
    present = lake.version(table)
    for row in rows.groupBy("table_id").agg(F.min("version").alias("version")).collect():
        if present is not None and row.table_id == present.table_id:
            yield row.version


def _checkpoints(lake: Lakehouse, table: Declaration) -> Iterator[int]:
    """The versions up to which the streams of this machine's pipelines have read it."""
    layer, _, name = table.name.partition(".")
    known = f"{lake.config.schemas.get(layer, layer)}.{name}"
    for folder in (lake.config.home / "checkpoints" / "pipelines").glob("*/*/"):
        spans = (_batch(file).get("tables", {}) for file in sorted(folder.glob("[0-9]*.json")))
        read = [span[known]["until"] for span in spans if known in span]
        if read:
            yield read[-1]


def _batch(file: Path) -> dict[str, dict[str, dict[str, int]]]:
    try:
        found: dict[str, dict[str, dict[str, int]]] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:  # forgotten by an update under way
        return {}
    return found

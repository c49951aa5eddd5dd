"""How far back a table must be readable: a stream compares it with the version it read last.

Jobs that compare versions, such as `sales_monthly`, look at everything if theirs is gone.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lyceum.lakehouse import Lakehouse
from pocketlake import Declaration

LONGEST_DAYS = 30
"""A stream that stays away longer must be refreshed fully: it does not hold history for ever."""
_COMMITS = 10_000


def hours_needed(lake: Lakehouse, table: Declaration, hours: int, now: datetime) -> int:
    """For how many hours back the table's files are kept: at least `hours`.

    More if a stream has still to read what came after an older version.
    """
    versions = set(_checkpoints(lake, table))
    if not versions:
        return hours
    since = now - timedelta(days=LONGEST_DAYS)
    # Of the present version no file can be deleted.
    commits = [c for c in lake.history(table, limit=_COMMITS)[1:] if c.timestamp >= since]
    moments = [c.timestamp for c in commits if c.version in versions]
    if not moments:
        return hours
    age = now - min(moments).astimezone(UTC)
    return max(hours, int(age.total_seconds() // 3600) + 1)


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

"""Watermarks: how far each consumer has got in each of its sources."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from pocketlake import Version

WATERMARKS = Table(
    name="ops.watermarks",
    grain="one row per consumer, source table and slice: how far it was worked off",
    keys=("consumer", "source", "slice"),
    columns="""
        consumer STRING NOT NULL COMMENT 'Who reads the source, such as the job sales_monthly',
        source STRING NOT NULL COMMENT 'The table that is read, such as silver.fact_sales_daily',
        slice STRING NOT NULL COMMENT 'Part of the source, such as a month; empty for all of it',
        table_id STRING NOT NULL COMMENT 'Delta id of the source: another one counts anew',
        version BIGINT NOT NULL COMMENT 'Delta version of the source that was reached',
        state STRING NOT NULL COMMENT 'What the consumer keeps about the slice, as JSON',
        run_id STRING NOT NULL COMMENT 'The run that reached it',
        updated_at TIMESTAMP NOT NULL COMMENT 'When it was reached, UTC'
    """,
    cluster_by=(),
)


@dataclass(frozen=True)
class Watermark:
    """How far one slice of a source was worked off."""

    version: Version
    slice: str = ""
    """Part of the source; empty for all of it."""
    state: Mapping[str, object] = field(default_factory=dict)
    """What the consumer wants to know of it next time; only what JSON can hold."""


def read_watermarks(lake: Lakehouse, consumer: str, source: Table) -> dict[str, Watermark]:
    """A consumer's watermarks in a source, by slice in order; none before its first run."""
    rows = lake.read(WATERMARKS).where(
        (F.col("consumer") == consumer) & (F.col("source") == source.name)
    )
    return {
        row.slice: Watermark(Version(row.table_id, row.version), row.slice, json.loads(row.state))
        for row in rows.orderBy("slice").collect()
    }


def write_watermarks(
    lake: Lakehouse, consumer: str, source: Table, marks: Iterable[Watermark], *, run_id: str
) -> None:
    """Keep the watermarks in one commit, each over the slice's earlier one."""
    now = datetime.now(UTC)
    rows = [
        (
            consumer,
            source.name,
            mark.slice,
            mark.version.table_id,
            mark.version.number,
            json.dumps(dict(mark.state), sort_keys=True),
            run_id,
            now,
        )
        for mark in marks
    ]
    if rows:
        lake.merge(WATERMARKS, lake.rows(WATERMARKS, rows), unless_only=("run_id", "updated_at"))


def drop_watermarks(lake: Lakehouse, consumer: str, source: Table) -> None:
    """Forget how far the consumer has got in the source."""
    args = {"consumer": consumer, "source": source.name}
    lake.delete(WATERMARKS, where="consumer = :consumer AND source = :source", args=args)

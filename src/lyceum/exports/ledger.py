"""The ledger of exports: what each was to hold before its files, what it holds after them.

The watermark of a consumer is the table version of its last export that is DONE. A version, not a
time: two clocks, or a commit that started early and ended late, cannot hide a change from it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pyspark.sql import Row, Window
from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table

State = Literal["STARTED", "DONE"]

EXPORTS = Table(
    name="ops.exports",
    grain="one row per export, table and state reached; a consumer's last DONE is its watermark",
    keys=("export_id", "table_name", "state"),
    columns="""
        export_id STRING NOT NULL COMMENT 'Export identifier; its start is in the file names',
        export_name STRING NOT NULL COMMENT 'What is exported, such as events_export',
        consumer STRING NOT NULL COMMENT 'Whose watermark the export moves',
        table_name STRING NOT NULL COMMENT 'The table that the row is about',
        state STRING NOT NULL COMMENT 'STARTED: planned; DONE: files and manifest are in place',
        is_full BOOLEAN NOT NULL COMMENT 'True if all rows were asked for',
        is_excel_safe BOOLEAN NOT NULL COMMENT 'True if formulas are escaped for spreadsheets',
        destination STRING NOT NULL COMMENT 'Folder of the files',
        table_id STRING NOT NULL COMMENT 'Identity of the Delta table; a new one has new versions',
        from_version BIGINT COMMENT 'Changes after this version are exported; NULL: all rows',
        to_version BIGINT NOT NULL COMMENT 'The version whose rows are exported',
        row_count BIGINT COMMENT 'Rows in the file; NULL until DONE',
        sha256 STRING COMMENT 'Hash of the file; NULL until DONE',
        started_at TIMESTAMP NOT NULL COMMENT 'Start of the export, UTC',
        recorded_at TIMESTAMP NOT NULL COMMENT 'When the state was reached, UTC'
    """,
    cluster_by=(),
)

_MAX_REPEAT_AGE = timedelta(hours=24)


@dataclass(frozen=True)
class Request:
    """What is asked of an export."""

    export_name: str
    consumer: str
    destination: Path
    is_full: bool = False
    is_excel_safe: bool = False


@dataclass(frozen=True)
class Span:
    """The versions of a table that an export goes from and to; from None means all rows."""

    table_name: str
    table_id: str
    from_version: int | None
    to_version: int


@dataclass(frozen=True)
class Plan:
    """An export as it is recorded before its files are made; repeated, it gives the same files."""

    request: Request
    spans: tuple[Span, ...]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def span(self, table: Table) -> Span:
        """The versions of one table."""
        return next(span for span in self.spans if span.table_name == table.name)

    @property
    def suffix(self) -> str:
        """Date, time and run, the end of every file name."""
        return f"{self.started_at:%Y%m%d_%H%M%S}_{self.id[:8]}"


def record(
    lake: Lakehouse, plan: Plan, state: State, written: Mapping[str, tuple[int, str]]
) -> None:
    """Append that the plan has reached a state; `written` has rows and hash by table."""
    now = datetime.now(UTC)
    asked = plan.request
    rows = [
        (
            plan.id,
            asked.export_name,
            asked.consumer,
            span.table_name,
            state,
            asked.is_full,
            asked.is_excel_safe,
            str(asked.destination),
            span.table_id,
            span.from_version,
            span.to_version,
            *written.get(span.table_name, (None, None)),
            plan.started_at,
            now,
        )
        for span in plan.spans
    ]
    lake.append(EXPORTS, lake.rows(EXPORTS, rows), once=(f"exports:{plan.id}:{state}", 1))


@dataclass(frozen=True)
class History:
    """What the ledger says of a consumer: the rows of its last exports, one a table."""

    started: list[Row]
    done: list[Row]

    @property
    def watermarks(self) -> dict[str, Span]:
        """What the last export that is done went to, by table."""
        return {span.table_name: span for span in _spans(self.done)}

    def unfinished(self, request: Request) -> Plan | None:
        """The last export, if it died, was asked for in the same way and is not too old."""
        if not self.started or self.started[0].export_id in {r.export_id for r in self.done}:
            return None
        row = self.started[0]
        found = Request(
            row.export_name,
            row.consumer,
            Path(row.destination),
            is_full=row.is_full,
            is_excel_safe=row.is_excel_safe,
        )
        plan = Plan(found, _spans(self.started), row.export_id, row.started_at.astimezone(UTC))
        is_recent = datetime.now(UTC) - plan.started_at < _MAX_REPEAT_AGE
        return plan if found == request and is_recent else None


def history(lake: Lakehouse, request: Request) -> History:
    """The consumer's last export that was begun, and its last that is done."""
    of_consumer = (F.col("export_name") == request.export_name) & (
        F.col("consumer") == request.consumer
    )
    last = Window.partitionBy("state", "table_name").orderBy(F.desc("recorded_at"))
    found = lake.read(EXPORTS).where(of_consumer).select("*", F.row_number().over(last).alias("n"))
    rows = found.where("n = 1").orderBy("table_name").collect()
    return History(*([r for r in rows if r.state == state] for state in ("STARTED", "DONE")))


def _spans(rows: list[Row]) -> tuple[Span, ...]:
    return tuple(Span(r.table_name, r.table_id, r.from_version, r.to_version) for r in rows)

"""The event log: a Delta table with one row a flow and update."""

import json
from dataclasses import asdict

from bundlerun.pipelines.outcome import FlowResult, Update
from bundlerun.pipelines.stored import Stored
from pocketlake import Lake

_COLUMNS = """
    update_id STRING COMMENT 'The update of the pipeline',
    pipeline STRING COMMENT 'Name of the pipeline',
    dataset STRING COMMENT 'Schema and name of the table, or name of the temporary view',
    flow STRING COMMENT 'The query that fills it; several are separated by commas',
    status STRING COMMENT 'COMPLETED, SKIPPED: nothing new or not possible, or FAILED',
    rows_inserted BIGINT COMMENT 'Rows that are new in the table',
    rows_updated BIGINT COMMENT 'Rows that have changed',
    rows_deleted BIGINT COMMENT 'Rows that are gone',
    rows_dropped BIGINT COMMENT 'Rows that an expectation kept out',
    expectations STRING COMMENT 'JSON: name, passed, failed and dropped of each expectation',
    error STRING COMMENT 'Why it failed or could not be computed',
    started_at TIMESTAMP COMMENT 'Start of the flow, UTC',
    ended_at TIMESTAMP COMMENT 'End of the flow, UTC'
"""


def event_log(name: str) -> Stored:
    """The table of that name."""
    return Stored(name, _COLUMNS, comment="one row per flow and update of a pipeline")


def record(lake: Lake, name: str, update: Update) -> None:
    """Append the flows of an update; one in which nothing happened leaves no row."""
    if update.is_news:
        table = event_log(name)
        lake.append(table, lake.rows(table, [_row(update, flow) for flow in update.flows]))


def _row(update: Update, flow: FlowResult) -> tuple[object, ...]:
    found = flow.outcome
    expectations = [asdict(count) for count in found.expectations]
    return (
        update.id,
        update.name,
        flow.dataset,
        flow.flow,
        flow.status,
        found.inserted,
        found.updated,
        found.deleted,
        found.dropped,
        json.dumps(expectations) if expectations else None,
        flow.error,
        flow.started_at,
        flow.ended_at,
    )

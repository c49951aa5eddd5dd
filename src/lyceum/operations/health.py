"""What `lyceum ops health` and `lyceum ops trace` show: the SQL files of queries/, over our tables.

The files are plain SQL over the schema `ops`; here its tables are temporary views, so that looking
creates nothing.
"""

import re
from datetime import UTC, datetime
from importlib.resources import files

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.operations.query import printable
from lyceum.runs.checkpoints import PIPELINE_CHECKPOINT
from lyceum.runs.ledger import ETL_JOB_RUNS, ETL_JOB_STATUS, job_status
from lyceum.runs.logs import PIPELINE_LOGS
from lyceum.runs.reporter import Reporter
from pocketlake import text_literal

HEALTH = {
    "pipeline_health": "Pipelines",
    "failed_runs": "Failed runs",
    "stage_failures": "Failed stages",
    "slow_stages": "Slow stages",
    "retries": "Retries",
    "log_levels": "Log lines",
    "recent_errors": "Latest errors",
}
_READ = (PIPELINE_CHECKPOINT, PIPELINE_LOGS, ETL_JOB_RUNS)


class UnknownRunError(UsageError):
    """No run, or more than one, has an identifier that begins like this."""


def show_health(lake: Lakehouse, reporter: Reporter, *, since: datetime) -> None:
    """The health of the pipelines since a time, one table a question."""
    for name, title in HEALTH.items():
        _show(reporter, title, named_query(lake, name, since=since))


def show_trace(lake: Lakehouse, reporter: Reporter, run_id: str) -> None:
    """What a run did in the order of time; its identifier may be cut short."""
    found = _full_run_id(lake, run_id)
    _show(reporter, f"Run {found}", named_query(lake, "trace", run_id=found))


def named_query(lake: Lakehouse, name: str, **values: object) -> DataFrame:
    """The result of one of the SQL files; its `:name`s become literals.

    Spark with Delta on one machine does not bind the arguments of a statement: Delta's parser
    drops them.
    """
    for table in _READ:
        lake.read(table).createOrReplaceTempView(table.short_name)
    job_status(lake).createOrReplaceTempView(ETL_JOB_STATUS.short_name)
    text = (files("lyceum.operations") / "queries" / f"{name}.sql").read_text(encoding="utf-8")
    for key, value in values.items():
        text = re.sub(rf":{key}\b", lambda _, value=value: _literal(value), text)  # type: ignore[misc]
    return lake.spark.sql(re.sub(r"\bops\.(?=\w)", "", text))


def _literal(value: object) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
    return text_literal(str(value))


def _full_run_id(lake: Lakehouse, start: str) -> str:
    ids = [
        lake.read(PIPELINE_CHECKPOINT).select("run_id"),
        lake.read(PIPELINE_LOGS).select("run_id"),
        lake.read(ETL_JOB_RUNS).select("id"),
    ]
    known = ids[0].union(ids[1]).union(ids[2]).where(F.col("run_id").startswith(start))
    found = sorted(row.run_id for row in known.distinct().limit(2).collect())
    if len(found) != 1:
        problem = " and ".join(found) if found else "none: `lyceum status` lists the runs"
        message = f"expected one run whose identifier begins with {start!r}, found {problem}"
        raise UnknownRunError(message)
    return str(found[0])


def _show(reporter: Reporter, title: str, result: DataFrame) -> None:
    frame = printable(result)
    rows = [tuple(row) for row in frame.collect()]
    if rows:
        reporter.table(title, frame.columns, rows)
    else:
        reporter.say(f"{title}: nothing")

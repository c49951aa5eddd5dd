"""Structured logs: one JSON object a line to a file or standard error, and to ops.pipeline_logs.

Every line carries the run that it belongs to, in whatever module it is written; known secrets are
hidden. Lines come to the table at the end of a stage or run; after a kill the file has them. A line
that cannot be written never stops a pipeline: it is lost, and that is said once.
"""

import json
import logging
import sys
import uuid
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

import structlog
from pyspark.sql import SparkSession
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.processors import CallsiteParameter, CallsiteParameterAdder, TimeStamper
from structlog.stdlib import (
    ExtraAdder,
    PositionalArgumentsFormatter,
    ProcessorFormatter,
    add_log_level,
    add_logger_name,
    filter_by_level,
)

from lyceum.lakehouse import Lakehouse
from lyceum.model.files import Files
from lyceum.model.table import Table
from lyceum.settings import Settings
from pocketlake.redaction import redacted

PIPELINE_LOGS = Table(
    name="ops.pipeline_logs",
    grain="one row per line that a run logged, from INFO up",
    keys=("id",),
    columns="""
        id STRING NOT NULL COMMENT 'Identifier of the line',
        timestamp TIMESTAMP NOT NULL COMMENT 'When it was logged, UTC',
        level STRING NOT NULL COMMENT 'DEBUG, INFO, WARNING, ERROR or CRITICAL',
        message STRING NOT NULL COMMENT 'What happened',
        logger STRING COMMENT 'Logger, which is the module with its package',
        pipeline_name STRING COMMENT 'Pipeline of the run',
        run_id STRING COMMENT 'The run during which it was logged',
        module STRING COMMENT 'Module that logged it',
        function STRING COMMENT 'Function that logged it',
        line INT COMMENT 'Line of the module',
        metadata STRING COMMENT 'Everything else that was given, as JSON'
    """,
    cluster_by=(),
    retention_days=90,
    retention_column="timestamp",
    personal=("message", "metadata"),
    person=("message", "metadata"),
)
LOG_FILES = Files("logs", "log lines, one JSON object each", retention_days=90)

_ROOT = "lyceum"
_FILE_BYTES, _FILES = 10 * 1024 * 1024, 9
_COLUMNS = [
    *("timestamp", "level", "message", "logger", "pipeline_name", "run_id"),
    *("module", "function", "line"),
]
_NAMES = {"event": "message", "func_name": "function", "lineno": "line"}

Event = MutableMapping[str, object]

# Before logs are opened nothing is said: a library's warnings are not a terminal's business.
logging.getLogger(_ROOT).addHandler(logging.NullHandler())


class _Forgiving(logging.Handler):
    """A handler that says once that it cannot write, and goes on trying in silence."""

    _has_warned = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - of logging
        if not self._has_warned:
            self._has_warned = True
            reason = sys.exc_info()[1]
            text = f"lyceum: log lines are being lost, the work goes on: {reason}\n"
            sys.stderr.write(text)


class _LogFile(_Forgiving, RotatingFileHandler):
    """The log file of a home, in ten parts of ten megabytes at most."""


class _Stderr(_Forgiving, logging.StreamHandler[IO[str]]):
    """Standard error, whatever it is at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _ToTable(_Forgiving):
    """The lines of runs, until they are appended to ops.pipeline_logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._waiting: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            row = json.loads(self.format(record))
            if row["run_id"] is not None:
                at = datetime.fromisoformat(row["timestamp"])
                kept = {"id": uuid.uuid4().hex, "timestamp": at}
                self._waiting.append(row | kept | {"metadata": json.dumps(row["metadata"])})
        except Exception:  # noqa: BLE001 - a log line never stops a pipeline
            self.handleError(record)

    def taken(self) -> list[dict[str, object]]:
        """The lines so far, which are then not here any more."""
        with self.lock or nullcontext():
            lines, self._waiting = self._waiting, []
        return lines


def open_logs(config: Settings, *, to_stderr: bool = False) -> None:
    """Send what this process logs to the file of its home, or to standard error, and to the table.

    In a workspace, whose volumes take no appending, it is standard error. Calling it again for the
    same home changes nothing, unless standard error is asked for.
    """
    logger = logging.getLogger(_ROOT)
    is_verbose, to_stderr = to_stderr, to_stderr or not config.has_local_home
    wanted = (str(config.home), to_stderr)
    present = getattr(logger, "opened_for", None)
    if present == wanted or (present == (str(config.home), True)):
        return
    _close(logger)
    logger.setLevel(logging.DEBUG if is_verbose else logging.INFO)
    for handler in _handlers(config, to_stderr=to_stderr):
        handler.setFormatter(_formatter())
        logger.addHandler(handler)
    logger.opened_for = wanted  # type: ignore[attr-defined]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The structured logger of a module: `get_logger(__name__).info("merged", rows=3)`."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[filter_by_level, *_chain(), ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger


def log_file(config: Settings) -> Path:
    """The file that the latest lines go to; older ones are beside it, `.1` to `.9`."""
    return config.logs / "lyceum.jsonl"


def append_logs(lake: Lakehouse) -> None:
    """Bring the lines so far to ops.pipeline_logs; if that fails it is logged, no more."""
    handlers = logging.getLogger(_ROOT).handlers
    lines = [line for h in handlers if isinstance(h, _ToTable) for line in h.taken()]
    if not lines:
        return
    try:
        lake.append(PIPELINE_LOGS, lake.rows(PIPELINE_LOGS, lines))
    except Exception as error:  # noqa: BLE001 - the data is in, and the file has the lines
        reason = {"table": PIPELINE_LOGS.name, "reason": str(error)}
        logging.getLogger(__name__).warning("log lines are missing in the table", extra=reason)


@contextmanager
def correlated(spark: SparkSession, pipeline_name: str, run_id: str) -> Iterator[None]:
    """Mark every log line and every Spark job of this context with the run."""
    tag = f"lyceum-run-{run_id}"
    is_outermost = tag not in spark.getTags()
    spark.addTag(tag)
    try:
        with bound_contextvars(pipeline_name=pipeline_name, run_id=run_id):
            yield
    finally:
        if is_outermost:
            spark.removeTag(tag)


def _handlers(config: Settings, *, to_stderr: bool) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    try:
        if to_stderr:
            handlers.append(_Stderr())
        else:
            config.logs.mkdir(parents=True, exist_ok=True)
            file = _LogFile(
                log_file(config), maxBytes=_FILE_BYTES, backupCount=_FILES, delay=True,
                encoding="utf-8",
            )  # fmt: skip
            handlers.append(file)
        handlers.append(_ToTable())
    except Exception:  # noqa: BLE001 - a log line never stops a pipeline
        _Forgiving().handleError(logging.makeLogRecord({}))
    return handlers


def _close(logger: logging.Logger) -> None:
    for handler in [h for h in logger.handlers if isinstance(h, _Forgiving)]:
        logger.removeHandler(handler)
        try:
            handler.close()
        except OSError:
            continue


def _chain() -> list[structlog.typing.Processor]:
    """What happens to an event where it is logged."""
    return [
        merge_contextvars,
        add_log_level,
        add_logger_name,
        PositionalArgumentsFormatter(),
        TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        CallsiteParameterAdder(
            (CallsiteParameter.MODULE, CallsiteParameter.FUNC_NAME, CallsiteParameter.LINENO)
        ),
    ]


def _formatter() -> logging.Formatter:
    return ProcessorFormatter(
        foreign_pre_chain=[*_chain(), ExtraAdder()],
        processors=[ProcessorFormatter.remove_processors_meta, _row, _as_json],
    )


def _row(_logger: object, _method: str, event: Event) -> Event:
    """The event in the columns of the table, without secrets."""
    named = {_NAMES.get(key, key): value for key, value in event.items()}
    row: Event = {column: named.pop(column, None) for column in _COLUMNS}
    row["level"] = str(row["level"]).upper()
    row["message"] = str(row["message"])
    return {**row, "metadata": named}


def _as_json(_logger: object, _method: str, event: Event) -> str:
    return json.dumps(redacted(event), default=str, ensure_ascii=False)

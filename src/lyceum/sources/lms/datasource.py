"""The LMS as a Spark Python data source: `spark.read.format("lms")`, read in one task."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from lyceum.sources.lms.errors import LmsError
from lyceum.sources.lms.settings import LmsSettings, LmsSettingsError

if TYPE_CHECKING:
    from lyceum.sources.lms.client import Fetched, LmsClient
    from lyceum.sources.lms.paging import EventsPage

UTC_TIMESTAMP = pa.timestamp("us", tz="UTC")
ARROW_SCHEMAS = {
    "events": pa.schema(
        {
            "page": pa.int32(),
            "body": pa.string(),
            "fetched_at": UTC_TIMESTAMP,
            "item_count": pa.int32(),
            "findings": pa.string(),
            "error_kind": pa.string(),
            "error_message": pa.string(),
        }
    ),
    "session_details": pa.schema(
        {
            "event_id": pa.string(),
            "http_status": pa.int32(),
            "body": pa.string(),
            "fetched_at": UTC_TIMESTAMP,
            "attempts": pa.int32(),
            "error_kind": pa.string(),
            "error_message": pa.string(),
        }
    ),
}
SPARK_SCHEMAS = {
    "events": "page INT, body STRING, fetched_at TIMESTAMP, item_count INT, findings STRING,"
    " error_kind STRING, error_message STRING",
    "session_details": "event_id STRING, http_status INT, body STRING, fetched_at TIMESTAMP,"
    " attempts INT, error_kind STRING, error_message STRING",
}

Row = dict[str, object]
Rows = Callable[["LmsClient"], AsyncIterator[Row]]


def lms_source(
    settings: LmsSettings, *, batch_rows: int = 1_000, batch_chars: int = 8 * 1024 * 1024
) -> type[DataSource]:
    """The class to register, `spark.dataSource.register(lms_source(settings))`.

    Options: `resource` (events or session_details), `event_ids` (a JSON array), `since`, `rate` and
    `concurrency` in place of those of the settings, and `bucket`, a file by which readers on one
    machine keep to one rate together. The settings travel in the class, so that no option and no
    plan holds a secret. A fatal error is a row with `error_kind` and `error_message` and nothing
    else but the time.
    """

    class LmsDataSource(DataSource):
        @classmethod
        def name(cls) -> str:
            return "lms"

        def schema(self) -> str:
            return SPARK_SCHEMAS[_resource(self.options)]

        def reader(self, schema: object) -> DataSourceReader:  # noqa: ARG002 - Spark's signature
            return LmsReader(
                _overridden(settings, self.options),
                resource=_resource(self.options),
                rows=_rows(self.options),
                bucket=self.options.get("bucket"),
                batch_rows=batch_rows,
                batch_chars=batch_chars,
            )

    return LmsDataSource


class LmsReader(DataSourceReader):
    """Reads one resource in one task and yields Arrow batches of bounded rows and text."""

    def __init__(
        self,
        settings: LmsSettings,
        *,
        resource: str,
        rows: Rows,
        bucket: str | None,
        batch_rows: int,
        batch_chars: int,
    ) -> None:
        self._settings = settings
        self._resource = resource
        self._rows = rows
        self._bucket = Path(bucket) if bucket else None
        self._batch_rows = batch_rows
        self._batch_chars = batch_chars

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """All rows; never raises an LmsError, which is a row too."""
        schema = ARROW_SCHEMAS[self._resource]
        for rows in _in_thread(self._batches()):
            yield pa.RecordBatch.from_pylist(rows, schema=schema)

    async def _batches(self) -> AsyncIterator[list[Row]]:
        rows: list[Row] = []
        size = 0
        async for row in self._all_rows():
            rows.append(row)
            size += len(str(row["body"] or ""))
            if len(rows) >= self._batch_rows or size >= self._batch_chars:
                yield rows
                rows, size = [], 0
        if rows:
            yield rows

    async def _all_rows(self) -> AsyncIterator[Row]:
        # Spark imports this module in two more processes, which only plan: they need no HTTP.
        from lyceum.sources.lms.client import LmsClient
        from lyceum.sources.lms.transport import AiohttpTransport

        try:
            async with AiohttpTransport(self._settings) as transport:
                client = LmsClient(self._settings, transport, bucket=self._bucket)
                async for row in self._rows(client):
                    yield row
        except LmsError as error:
            yield {
                "body": None,
                "fetched_at": datetime.now(UTC),
                "error_kind": error.kind,
                "error_message": str(error),
            }


def _rows(options: dict[str, str]) -> Rows:
    if _resource(options) == "events":
        return partial(_event_rows, since=options.get("since"))
    try:
        event_ids = json.loads(options.get("event_ids", ""))
    except ValueError:
        event_ids = None
    if not isinstance(event_ids, list) or not all(isinstance(i, str) for i in event_ids):
        message = "expected the option `event_ids` to be a JSON array of strings, found another"
        raise LmsSettingsError(message)
    return partial(_detail_rows, event_ids=event_ids)


async def _event_rows(client: "LmsClient", *, since: str | None) -> AsyncIterator[Row]:
    async for page in client.event_pages(since):
        yield _event_row(page)


async def _detail_rows(client: "LmsClient", *, event_ids: list[str]) -> AsyncIterator[Row]:
    async for fetched in client.session_details(event_ids):
        yield _detail_row(fetched)


def _event_row(page: "EventsPage") -> Row:
    return {
        "page": page.number,
        "body": page.body,
        "fetched_at": page.fetched_at,
        "item_count": page.item_count,
        "findings": "; ".join(page.findings) or None,
    }


def _detail_row(fetched: "Fetched") -> Row:
    return {
        "event_id": fetched.event_id,
        "http_status": fetched.status,
        "body": fetched.body,
        "fetched_at": fetched.fetched_at,
        "attempts": fetched.attempts,
        "error_kind": fetched.error_kind,
        "error_message": fetched.error_message,
    }


def _resource(options: dict[str, str]) -> str:
    resource = options.get("resource", "")
    if resource not in SPARK_SCHEMAS:
        message = (
            f"expected the option `resource` to be events or session_details, found {resource!r}"
        )
        raise LmsSettingsError(message)
    return resource


def _overridden(settings: LmsSettings, options: dict[str, str]) -> LmsSettings:
    """The settings with the share of rate and concurrency that this reader gets."""
    given: dict[str, Any] = {}
    for name, kind in (("rate", float), ("concurrency", int)):
        try:
            given |= {name: kind(options[name])} if name in options else {}
        except ValueError:
            message = f"expected the option `{name}` to be a number, found {options[name]!r}"
            raise LmsSettingsError(message) from None
    return replace(settings, **given)


def _in_thread(batches: AsyncIterator[list[Row]]) -> Iterator[list[Row]]:
    """The batches, from a loop that runs on while Spark writes one: no call times out unread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="lms", daemon=True)
    thread.start()

    async def following() -> list[Row] | None:
        return await anext(batches, None)

    try:
        while rows := asyncio.run_coroutine_threadsafe(following(), loop).result():
            yield rows
    finally:
        asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_tasks() -> None:
    """Cancel what still runs when Spark stops reading early."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()

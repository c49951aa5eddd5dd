"""The API half of an LMS load: list the events, fetch their details in resumable chunks."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from lyceum.bronze.lms import (
    LMS_LOAD_DETAILS,
    LMS_LOAD_EVENTS,
    LMS_LOAD_PAGES,
    event_chunk,
    event_pages,
    listed_events,
)
from lyceum.errors import LyceumError, UsageError
from lyceum.ops.reporter import Reporter
from lyceum.ops.transience import is_transient_http
from lyceum.sources.lms.datasource import lms_source
from lyceum.sources.lms.fields import LmsFields
from lyceum.sources.lms.settings import LmsSettings
from lyceum.storage import Lakehouse, append_once, clear, computed_once, delete, replace
from lyceum.storage.observe import carried

Scope = Literal["complete", "since", "retry"]

_LANES = 2
"""Chunks fetched at once: while one is committed, the other keeps calling."""
_SLOW_RATE = 40.0
_CHUNK_SECONDS = 30
_MAX_RESUME_AGE = timedelta(hours=24)


class LmsOutageError(LyceumError):
    """The LMS as a whole does not answer as it should."""

    def __init__(self, message: str, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        """True if the same call may succeed later."""


class EventsListError(LmsOutageError):
    """The list of events could not be read to its end; nothing was changed."""


class LmsRefusedError(LmsOutageError):
    """The LMS answers no further calls; what it answered is kept and the load can resume."""


class UnfinishedLoadError(UsageError):
    """Another kind of load was begun and not finished."""


@dataclass(frozen=True)
class Load:
    """One load of the LMS, from the list of its events to the audit log."""

    scope: Scope
    source: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def time(self) -> Column:
        """The start of the load: the time that its changes are marked with."""
        return F.lit(self.started_at)


def load_source(settings: LmsSettings, since: str | None) -> str:
    """What a load must share with the unfinished one that it resumes."""
    return settings.base_url if since is None else f"{settings.base_url} since {since}"


def resumable_load(lake: Lakehouse, wanted: Load, *, restart: bool) -> Load | None:
    """The unfinished load, if it is of the kind that is wanted and not too old."""
    row = lake.read(LMS_LOAD_EVENTS).limit(1).collect()
    if restart or not row:
        return None
    found = Load(row[0].scope, row[0].source, row[0].load_id, row[0].started_at.astimezone(UTC))
    if wanted.started_at - found.started_at > _MAX_RESUME_AGE:
        return None
    if (found.scope, found.source) != (wanted.scope, wanted.source):
        message = (
            f"expected no unfinished load, found the {found.scope} load of {found.source} begun "
            f"at {found.started_at:%Y-%m-%d %H:%M} UTC: run that one again to finish it, or pass "
            "--restart to drop it"
        )
        raise UnfinishedLoadError(message)
    return found


def list_events(
    lake: Lakehouse,
    load: Load,
    settings: LmsSettings,
    fields: LmsFields,
    *,
    since: str | None,
    reporter: Reporter,
) -> int:
    """Stage the pages of the events list, then the events to fetch; returns their number.

    From then on the load can resume.
    """
    _register(lake, settings)
    clear(lake, LMS_LOAD_DETAILS)
    with reporter.step("List the events", unit="events") as step:
        reader = lake.spark.read.format("lms").option("resource", "events")
        pages = (reader.option("since", since) if since else reader).load()
        replace(lake, LMS_LOAD_PAGES, pages.select(F.lit(load.id).alias("load_id"), "*"))
        staged = lake.read(LMS_LOAD_PAGES)
        _raise_if_incomplete(staged)
        listed = listed_events(event_pages(staged), fields=fields)
        event_ids = listed.where(F.col("event_id").isNotNull()).select("event_id").distinct()
        step.done = stage_events(lake, load, settings, event_ids)
    return step.done


def stage_events(lake: Lakehouse, load: Load, settings: LmsSettings, event_ids: DataFrame) -> int:
    """Stage the events that the load has to fetch, spread over chunks; returns their number."""
    event_ids = computed_once(event_ids)
    count = event_ids.count()
    chunks = _chunks(count, _chunk_size(settings))
    rows = event_ids.select(
        F.lit(load.id).alias("load_id"),
        "event_id",
        event_chunk(F.col("event_id"), chunks=chunks).alias("chunk"),
        F.lit(load.scope).alias("scope"),
        F.lit(load.source).alias("source"),
        load.time.alias("started_at"),
    )
    replace(lake, LMS_LOAD_EVENTS, rows)
    return count


def fetch_details(
    lake: Lakehouse, load: Load, settings: LmsSettings, *, reporter: Reporter
) -> None:
    """Fetch the events that are not staged yet, chunk by chunk, each in a commit of its own."""
    _register(lake, settings)
    is_resumed = not lake.read(LMS_LOAD_DETAILS).isEmpty()
    if is_resumed:
        _drop_fatal_errors(lake)
        staged = lake.read(LMS_LOAD_DETAILS).count()
        reporter.say(f"Going on with a load: {staged:,} of its events are here already")
    pending = _pending(lake, is_resumed=is_resumed)
    chunks = {r.chunk: r["count"] for r in pending.groupBy("chunk").count().collect()}
    lanes = min(_lanes(settings), len(chunks)) or 1
    with (
        reporter.step("Fetch session details", unit="events", total=sum(chunks.values())) as step,
        TemporaryDirectory(prefix="lyceum-") as folder,
    ):
        limits = _limits_of_a_lane(lake, settings, lanes, Path(folder, "bucket"))

        def fetch(chunk: int) -> None:
            _fetch_chunk(lake, load, chunk, limits, is_resumed=is_resumed)
            reporter.advance(step, chunks[chunk])

        _run_in_lanes(lake, lanes, [partial(fetch, chunk) for chunk in sorted(chunks)])


def fetched_event(lake: Lakehouse, settings: LmsSettings, event_id: str) -> DataFrame:
    """What the LMS answers for one event, as a load would stage it."""
    _register(lake, settings)
    reader = lake.spark.read.format("lms").option("resource", "session_details")
    rows = reader.option("event_ids", json.dumps([event_id])).load()
    staged = rows.select(F.lit("").alias("load_id"), F.lit(0).alias("chunk"), "*").collect()
    answer = lake.spark.createDataFrame(staged, LMS_LOAD_DETAILS.columns)
    _raise_fatal_error(answer)
    return answer


def _pending(lake: Lakehouse, *, is_resumed: bool) -> DataFrame:
    """The events to fetch whose details are not staged yet; only a resumed load has staged any."""
    events = lake.read(LMS_LOAD_EVENTS)
    if not is_resumed:
        return events
    staged = lake.read(LMS_LOAD_DETAILS).select("event_id")
    return events.join(staged, on="event_id", how="left_anti")


def _limits_of_a_lane(
    lake: Lakehouse, settings: LmsSettings, lanes: int, bucket: Path
) -> dict[str, str]:
    """The reader's options that keep all lanes together within the settings.

    On one machine they take from one bucket, so that one uses the whole rate while another one
    commits; on a cluster each has its part of the rate.
    """
    limits = {"concurrency": str(max(1, settings.concurrency // lanes))}
    if settings.rate is None:
        return limits
    if lake.config.is_local_disk and lake.config.remote is None:
        return limits | {"bucket": str(bucket)}
    return limits | {"rate": str(settings.rate / lanes)}


def _fetch_chunk(
    lake: Lakehouse, load: Load, chunk: int, limits: dict[str, str], *, is_resumed: bool
) -> None:
    """Fetch and stage what one chunk still lacks."""
    is_of_chunk = F.col("chunk") == chunk
    pending = _pending(lake, is_resumed=is_resumed)
    lacking = pending.where(is_of_chunk).select("event_id").collect()
    staged = lake.read(LMS_LOAD_DETAILS).where(is_of_chunk).count() if is_resumed else 0
    event_ids = json.dumps([row.event_id for row in lacking])
    reader = lake.spark.read.format("lms").options(resource="session_details", **limits)
    rows = (
        reader.option("event_ids", event_ids)
        .load()
        .select(F.lit(load.id).alias("load_id"), F.lit(chunk).alias("chunk"), "*")
    )
    # What a chunk has staged only grows, so it numbers the chunk's commits.
    append_once(lake, LMS_LOAD_DETAILS, rows, app=f"lms:{load.id}:{chunk}", version=staged + 1)
    _raise_fatal_error(lake.read(LMS_LOAD_DETAILS).where(is_of_chunk))


def _run_in_lanes(lake: Lakehouse, lanes: int, tasks: list[Callable[[], None]]) -> None:
    """Run the tasks in threads; the first error stops the others and is raised."""
    pool = ThreadPoolExecutor(lanes)
    try:
        for future in as_completed([pool.submit(carried(lake.spark, task)) for task in tasks]):
            future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        lake.spark.interruptAll()
        raise
    finally:
        pool.shutdown()


def _is_fatal() -> Column:
    """True if a row says that the LMS as a whole, not one event, does not answer."""
    return F.col("event_id").isNull() | F.coalesce(
        F.col("error_kind") == "circuit_open", F.lit(False)
    )


def _drop_fatal_errors(lake: Lakehouse) -> None:
    """Forget what stopped the run before, so that this one can go on."""
    if not lake.read(LMS_LOAD_DETAILS).where(_is_fatal()).isEmpty():
        delete(lake, LMS_LOAD_DETAILS, where=_is_fatal())


def _raise_fatal_error(details: DataFrame) -> None:
    error = details.where(_is_fatal()).limit(1).collect()
    if error:
        message = (
            f"the LMS answers no more ({error[0].error_kind}): {error[0].error_message}; run the "
            "same again to go on from where it stopped"
        )
        raise LmsRefusedError(message, is_transient=_may_pass(error[0]))


def _lanes(settings: LmsSettings) -> int:
    """Chunks fetched at once; a low rate is not divided, as a part of it is rounded down."""
    is_slow = settings.rate is not None and settings.rate < _SLOW_RATE
    return 1 if is_slow else _LANES


def _chunk_size(settings: LmsSettings) -> int:
    """Events a chunk: half a minute of work for a lane, so that a kill loses little."""
    if settings.rate is None:
        return settings.chunk_events
    of_a_lane = int(settings.rate / _lanes(settings) * _CHUNK_SECONDS)
    return max(1, min(settings.chunk_events, of_a_lane))


def _chunks(events: int, size: int) -> int:
    """How many chunks of at most about that size, the first of them half as large."""
    return 1 if events <= size else ceil(events / size + 0.5)


def _register(lake: Lakehouse, settings: LmsSettings) -> None:
    lake.spark.dataSource.register(lms_source(settings))


def _raise_if_incomplete(pages: DataFrame) -> None:
    error = pages.where(F.col("error_kind").isNotNull()).limit(1).collect()
    if error:
        message = f"the events list ended early ({error[0].error_kind}): {error[0].error_message}"
        raise EventsListError(message, is_transient=_may_pass(error[0]))


def _may_pass(error: Row) -> bool:
    return error.error_kind == "circuit_open" or is_transient_http(error.error_kind)

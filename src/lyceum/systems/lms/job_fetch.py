"""The API half of an LMS load: list the events, fetch what each of them holds, resume a load."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.errors import LyceumError, UsageError
from lyceum.http.errors import CircuitError, ServerError
from lyceum.runs.run import Run
from lyceum.runs.transience import is_transient_http
from lyceum.systems.lms.bronze import ANSWER_COLUMNS, PAGE_COLUMNS, event_pages, listed_events
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.settings import LmsSettings
from lyceum.systems.lms.source.fetch import fetch_answers, fetch_pages, with_lms
from lyceum.systems.lms.source.landing import Load, LoadFolder

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


def load_source(settings: LmsSettings, since: str | None) -> str:
    """What a load must share with the unfinished one that it resumes."""
    return settings.base_url if since is None else f"{settings.base_url} since {since}"


def opened(root: Path, wanted: Load, *, restart: bool) -> LoadFolder:
    """The folder of the unfinished load, if it is of the wanted kind and not too old; or a new one.

    Raises UnfinishedLoadError if another kind of load is in the way.
    """
    found = None if restart else LoadFolder.unfinished(root)
    if found is None or wanted.started_at - found.load.started_at > _MAX_RESUME_AGE:
        return LoadFolder.new(root, wanted)
    if (found.load.scope, found.load.source) != (wanted.scope, wanted.source):
        message = (
            f"expected no unfinished load, found the {found.load.scope} load of "
            f"{found.load.source} begun at {found.load.started_at:%Y-%m-%d %H:%M} UTC: run that "
            "one again to finish it, or pass --restart to drop it"
        )
        raise UnfinishedLoadError(message)
    return found


def list_events(
    run: Run, folder: LoadFolder, settings: LmsSettings, fields: LmsFields, *, since: str | None
) -> int:
    """Land the pages of the events list, then the events to fetch; returns their number.

    From then on the load can resume.
    """
    with run.stage("list_events", title="List the events", unit="events") as stage:
        try:
            with_lms(settings, partial(fetch_pages, folder=folder, since=since))
        except ServerError as error:
            message = f"the events list ended early ({error.kind}): {error}"
            raise EventsListError(message, is_transient=_may_pass(error)) from None
        listed = listed_events(event_pages(landed_pages(run.lake.spark, folder)), fields=fields)
        event_ids = listed.where(F.col("event_id").isNotNull()).select("event_id").distinct()
        stage.done = folder.plan(row.event_id for row in event_ids.orderBy("event_id").collect())
    return stage.done


def fetch_details(run: Run, folder: LoadFolder, settings: LmsSettings) -> None:
    """Land the answer of every event that the folder has none of; raises LmsRefusedError."""
    if folder.answered:
        run.reporter.say(
            f"Going on with a load: {folder.answered:,} of its events are here already"
        )
    pending = folder.events - folder.answered
    with (
        refusals_explained(),
        run.stage("fetch_session_details", unit="events", total=pending) as stage,
    ):
        fetch = partial(
            fetch_answers,
            folder=folder,
            chunk_events=settings.chunk_events,
            advance=partial(run.reporter.advance, stage, 1),
        )
        with_lms(settings, fetch)


def landed_pages(spark: SparkSession, folder: LoadFolder) -> DataFrame:
    """The pages of the events list, a row each; none in a load of single events."""
    return _landed(spark, folder.page_files(), PAGE_COLUMNS, folder.pages)


def landed_answers(spark: SparkSession, folder: LoadFolder) -> DataFrame:
    """The answers of the load, a row an event."""
    return _landed(spark, folder.answer_files(), ANSWER_COLUMNS, folder.answered)


def _landed(spark: SparkSession, files: list[str], columns: str, expected: int) -> DataFrame:
    if not files:
        return spark.createDataFrame([], columns)
    rows = spark.read.schema(columns).json(files)
    found = rows.count()
    if found != expected:
        # A path that the engine takes for a pattern matches nothing, and is no error to it.
        message = f"expected {expected} rows in {files[0]} and its like, found {found}"
        raise LyceumError(f"{message}: has the path of the home a character such as [ or *?")
    return rows


@contextmanager
def refusals_explained() -> Iterator[None]:
    """Raise LmsRefusedError for what stops every call."""
    try:
        yield
    except ServerError as error:
        message = (
            f"the LMS answers no more ({error.kind}): {error}; run the same again to go on from "
            "where it stopped"
        )
        raise LmsRefusedError(message, is_transient=_may_pass(error)) from None


def _may_pass(error: ServerError) -> bool:
    return error.kind == CircuitError.kind or is_transient_http(error.kind)

"""An update of a pipeline: its datasets one after the other, each after those that it reads."""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pyspark.sql import DataFrame

from bundlerun.pipelines import event_log as log
from bundlerun.pipelines.definitions import Dataset, Definitions, importable, load
from bundlerun.pipelines.errors import GraphError, first_line
from bundlerun.pipelines.graph import Node, Resolver
from bundlerun.pipelines.names import Names
from bundlerun.pipelines.outcome import FlowResult, Outcome, Status, Update
from bundlerun.pipelines.session import PipelineSession
from bundlerun.pipelines.settings import PipelineSettings
from bundlerun.pipelines.snapshots import update_snapshots
from bundlerun.pipelines.stored import Stored
from bundlerun.pipelines.streaming import update_stream
from bundlerun.pipelines.views import update_view
from bundlerun.pipelines.work import Declared, Listener, Work
from pocketlake import Lake


@dataclass(frozen=True)
class _Selection:
    """What an update is asked for."""

    full_refresh: bool | frozenset[str]
    refresh: frozenset[str]

    def has(self, name: str) -> bool:
        """True if the dataset is to be brought up to date."""
        if self.full_refresh is True or not (self.full_refresh or self.refresh):
            return True
        return name in self.refresh or self.is_anew(name)

    def is_anew(self, name: str) -> bool:
        """True if the dataset is to be computed from all there is."""
        if isinstance(self.full_refresh, bool):
            return self.full_refresh
        return name in self.full_refresh


def run_pipeline(
    lake: Lake,
    pipeline: PipelineSettings,
    *,
    storage: Path,
    declarations: Mapping[str, Declared] | None = None,
    full_refresh: bool | Collection[str] = False,
    refresh: Collection[str] = (),
    event_log: str | None = None,
    dry_run: bool = False,
    on_event: Listener = lambda _step, _name: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Update:
    """Bring the tables of a pipeline up to date.

    Args:
        lake: Where the tables are.
        pipeline: Its source files, Python or SQL, and what they are run with.
        storage: A folder of its own, for checkpoints; one update at a time uses it.
        declarations: Columns and keys by full name; a view with keys is merged by them.
        full_refresh: Compute all tables anew, or those named.
        refresh: Update only these, and those of `full_refresh`.
        event_log: Name of the table that gets a row a flow; none if None.
        dry_run: Resolve everything, write nothing.
        on_event: Told what happens, with the dataset's name.
        is_stopped: Asked before each dataset.

    Returns:
        How each dataset fared; the failure of a flow is in it, those that need it are skipped.

    Raises:
        PipelineError: The definitions are wrong; nothing was written.
    """
    session = PipelineSession(lake.spark, pipeline.configuration)
    definitions = Definitions(session, Names(lake.catalog, pipeline.schema))
    update = Update(uuid.uuid4().hex, pipeline.name, datetime.now(UTC))
    with _alone(storage, on_event), session.as_active(), importable(pipeline.root):
        load(pipeline.files, definitions, session)
        nodes = _resolved(lake, definitions, session)
        update.order = list(nodes)
        selection = _selection(definitions, full_refresh=full_refresh, refresh=refresh)
        if not dry_run:
            known = declarations or {}
            work = Work(lake, session, definitions, nodes, storage, update.name, known, on_event)
            _run(work, update, selection, is_stopped)
            if event_log is not None:
                log.record(lake, event_log, update)
    return update


def _resolved(lake: Lake, definitions: Definitions, session: PipelineSession) -> dict[str, Node]:
    """The graph, each dataset after those that it reads."""

    def external(name: str) -> DataFrame | None:
        return _external(lake, definitions.names.full(name))

    nodes = Resolver(definitions, session, external).nodes()
    return {node.dataset.name: node for node in nodes}


def _run(work: Work, update: Update, selection: _Selection, is_stopped: Callable[[], bool]) -> None:
    """Update what is selected, and leave no staged rows behind."""
    try:
        _update_each(work, update, selection, is_stopped)
    finally:
        work.clear()


def _update_each(
    work: Work, update: Update, selection: _Selection, is_stopped: Callable[[], bool]
) -> None:
    """Update what is selected; note how each dataset fared."""
    broken: set[str] = set()
    for node in work.nodes.values():
        dataset = node.dataset
        if dataset.kind == "temporary view" or not selection.has(dataset.name):
            continue
        if is_stopped():
            update.state = "CANCELED"
            return
        failed = sorted(broken.intersection(node.inputs))
        if failed:
            error = f"expected {failed[0]}, which it reads, found that it failed"
            now = datetime.now(UTC)
            flow = ", ".join(dataset.queries)
            update.flows.append(FlowResult(dataset.name, flow, "SKIPPED", now, now, error=error))
            broken.add(dataset.name)
            continue
        result = _result(work, update, node, anew=selection.is_anew(dataset.name))
        if result.status == "FAILED":
            update.state = "FAILED"
            broken.add(dataset.name)


def _result(work: Work, update: Update, node: Node, *, anew: bool) -> FlowResult:
    """Update one dataset."""
    dataset, started, known = node.dataset, datetime.now(UTC), set(work.view_counts)
    work.tell("started", dataset.name)
    error: Exception | None = None
    outcome: Outcome | None = None
    try:
        outcome = _updater(dataset)(work, node, anew=anew)
    except Exception as failure:  # noqa: BLE001 - other datasets do not depend on it
        error = failure
        update.failure = update.failure or failure
    status: Status = "FAILED" if error else "COMPLETED" if outcome else "SKIPPED"
    ended = datetime.now(UTC)
    for view in sorted(set(work.view_counts) - known):
        counts = work.view_counts[view]
        found = Outcome(dropped=counts.dropped, expectations=counts.expectations)
        update.flows.append(FlowResult(view, view, "COMPLETED", started, ended, found))
    result = FlowResult(
        dataset.name,
        ", ".join(dataset.queries),
        status,
        started,
        ended,
        outcome or Outcome(),
        first_line(error) if error else None,
    )
    update.flows.append(result)
    work.tell("ended", dataset.name)
    return result


def _updater(dataset: Dataset) -> Callable[..., Outcome | None]:
    if dataset.snapshots is not None:
        return update_snapshots
    return update_view if dataset.kind == "materialized view" else update_stream


def _selection(
    definitions: Definitions, *, full_refresh: bool | Collection[str], refresh: Collection[str]
) -> _Selection:
    """What is asked for, by full names."""

    def known(names: Collection[str]) -> frozenset[str]:
        found = set()
        for name in names:
            dataset = definitions.find(name)
            if dataset is None or dataset.kind == "temporary view":
                message = f"expected a table of the pipeline to refresh, found {name}: one of "
                all_of_them = definitions.datasets.values()
                tables = (d.name for d in all_of_them if d.kind != "temporary view")
                raise GraphError(message + ", ".join(tables))
            found.add(dataset.name)
        return frozenset(found)

    if full_refresh is True and refresh:
        raise GraphError("expected a refresh of all tables or of some, found both: leave one out")
    anew = full_refresh if isinstance(full_refresh, bool) else known(full_refresh)
    return _Selection(anew, known(refresh))


@contextmanager
def _alone(storage: Path, tell: Listener) -> Iterator[None]:
    """Hold the lock of a pipeline's storage: one update at a time writes its checkpoints."""
    storage.mkdir(parents=True, exist_ok=True)
    lock = FileLock(storage / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell("waiting", str(storage))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _external(lake: Lake, name: str) -> DataFrame | None:
    """A table that the pipeline only reads; None if there is none."""
    if name.count(".") != 1:
        return None
    table = Stored(name, "")
    return lake.read(table) if lake.exists(table) else None

"""Streaming tables: what is new is appended, each file and row once."""

from functools import reduce
from shutil import rmtree

from pyspark.sql import DataFrame

from bundlerun.pipelines.apply_changes import apply_changes
from bundlerun.pipelines.checkpoint import Batch, Checkpoint, Span
from bundlerun.pipelines.errors import PipelineError
from bundlerun.pipelines.expectations import Counted, expectations_of
from bundlerun.pipelines.graph import Node
from bundlerun.pipelines.kafka import KafkaSource, Offsets, end_offsets, next_offsets
from bundlerun.pipelines.outcome import Outcome, summed
from bundlerun.pipelines.sinks import write_sink
from bundlerun.pipelines.stored import Stored
from bundlerun.pipelines.work import Rows, Work


def update_stream(work: Work, node: Node, *, anew: bool) -> Outcome | None:
    """Append what is new, all there is if anew; None if there is nothing new.

    Each batch stands for one record of every row: an aggregation in its query sees the new rows
    only, as if each update were a table of its own.
    """
    table = work.stored(node.dataset.name)
    checkpoint = Checkpoint(work.folder(table.name))
    is_sink = node.dataset.sink is not None
    table_id = "sink" if is_sink else _table_id(work, table)
    outcome: Outcome | None = None
    unfinished = checkpoint.unfinished(table_id)
    if unfinished is not None and not anew:
        outcome = _write(work, node, checkpoint, unfinished)
    ends = _end_offsets(work, node, checkpoint, anew=anew)
    is_more = True
    while is_more:
        batch = _planned(work, node, checkpoint, ends, table_id=table_id, anew=anew)
        if batch is not None:
            work.tell("planned", table.name)
            outcome = _write(work, node, checkpoint, batch).after(outcome)
        # A stream of Kafka ends where it ended at the start; it may take several batches.
        is_more = batch is not None and _is_left(batch, ends)
        anew = False
    return outcome


def _end_offsets(
    work: Work, node: Node, checkpoint: Checkpoint, *, anew: bool
) -> list[tuple[KafkaSource, Offsets]]:
    """The messages that the brokers have now, of each Kafka stream."""
    table = work.stored(node.dataset.name)
    sources = node.reads.stream_kafka
    is_new = checkpoint.last is None and node.dataset.sink is None
    if sources and is_new and not anew and not work.lake.read(table).isEmpty():
        message = f"expected the checkpoint of {table.name}, which has rows, in {checkpoint.folder}"
        raise PipelineError(f"{message}, found none: refresh it fully to read all messages anew")
    return [(source, end_offsets(source)) for source in sources]


def _is_left(batch: Batch, ends: list[tuple[KafkaSource, Offsets]]) -> bool:
    """True if the brokers had more messages than the batch reads up to."""
    return any(
        batch.offsets[topic][number][1] < last
        for _, topics in ends
        for topic, parts in topics.items()
        for number, (_, last) in parts.items()
    )


def _table_id(work: Work, table: Stored) -> str:
    """The identity of the table, which is made if it is not there."""
    version = work.lake.version(table)
    if version is None:
        work.lake.ensure(table)
        version = work.lake.version(table)
    assert version is not None  # noqa: S101 - it was made just now
    return version.table_id


def _planned(
    work: Work,
    node: Node,
    checkpoint: Checkpoint,
    ends: list[tuple[KafkaSource, Offsets]],
    *,
    table_id: str,
    anew: bool,
) -> Batch | None:
    """The next batch, recorded; None if there is nothing new."""
    starts_anew = anew or checkpoint.starts_anew(table_id)
    files: dict[str, list[str]] = {}
    passed: dict[str, list[str]] = {}
    for source in node.reads.stream_files:
        folder = checkpoint.relative(source.folder)
        new = checkpoint.files_since(source.folder, pattern=source.glob, anew=starts_anew)
        is_passed = starts_anew and not source.takes_old
        (passed if is_passed else files)[folder] = new
    tables = {
        name: span
        for name in sorted(node.reads.stream_tables)
        if (span := _span(work, node, checkpoint, name=name, anew=starts_anew)) is not None
    }
    positions = {} if starts_anew else checkpoint.offsets()
    offsets: dict[str, dict[str, tuple[int, int]]] = {}
    for stream, found in ends:
        for topic, parts in next_offsets(stream, found, positions).items():
            offsets.setdefault(topic, {}).update(parts)
    messages = (until - since for parts in offsets.values() for since, until in parts.values())
    once = checkpoint.once_since(node.dataset.once, anew=starts_anew)
    is_new = (
        anew
        or (bool(ends) and starts_anew)
        or bool(once)
        or any(messages)
        or any(files.values())
        or any(passed.values())
        or any(span.since != span.until for span in tables.values())
    )
    if not is_new:
        return None
    return checkpoint.record(
        table_id=table_id,
        files=files,
        passed=passed,
        tables=tables,
        offsets=offsets,
        once=once,
        anew=starts_anew,
    )


def _span(work: Work, node: Node, checkpoint: Checkpoint, *, name: str, anew: bool) -> Span | None:
    """From where the stream has read a table to its present version; None if it is not there."""
    version = work.lake.version(work.stored(name))
    position = None if anew else checkpoint.position(name)
    if version is None:
        return position and Span(position.table_id, position.until, position.until)
    if position is None:
        return Span(version.table_id, None, version.number)
    if position.table_id != version.table_id:
        message = f"expected {name} to be the table that {node.dataset.name} streamed from before"
        raise PipelineError(f"{message}, found a new one: refresh {node.dataset.name} fully")
    return Span(version.table_id, position.until, version.number)


def _write(work: Work, node: Node, checkpoint: Checkpoint, batch: Batch) -> Outcome:
    """Write a batch, whether it was recorded now or by an update that died."""
    frames: list[DataFrame] = []
    counts: list[Counted] = []
    name = node.dataset.name
    with work.session.reading(Rows(work, checkpoint, batch)):
        for flow, query in node.dataset.queries.items():
            if flow in node.dataset.once and flow not in batch.once:
                continue
            rows, found = work.measured(f"{name}.{flow}", query(), expectations_of(query))
            frames.append(rows)
            if found is not None or node.target is None:
                counts.append(found or Counted(rows.count(), 0, ()))
    rows = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), frames)
    work.tell("writing", name)
    outcome = _appended(work, node, batch, rows, counts)
    work.tell("written", name)
    checkpoint.done(batch)
    rmtree(work.messages(batch), ignore_errors=True)
    return outcome


def _appended(
    work: Work, node: Node, batch: Batch, rows: DataFrame, counts: list[Counted]
) -> Outcome:
    """Bring the rows of a batch to where they belong."""
    dropped = sum(found.dropped for found in counts)
    rules = summed(count for found in counts for count in found.expectations)
    if node.target is not None:
        written = apply_changes(work, node, rows, anew=batch.starts_anew)
        return Outcome(written.inserted, written.updated, written.deleted, dropped, rules)
    rows = rows.select(*node.schema.names)
    table = work.stored(node.dataset.name)
    once = (f"{work.name}/{table.name}/{batch.checkpoint}", batch.number)
    if node.dataset.sink is not None:
        write_sink(work.lake, node.dataset.sink, rows, once=once)
    elif batch.starts_anew:
        work.lake.replace(table, rows)
    else:
        work.lake.append(table, rows, once=once)
    inserted = sum(found.rows - found.dropped for found in counts)
    return Outcome(inserted=inserted, dropped=dropped, expectations=rules)

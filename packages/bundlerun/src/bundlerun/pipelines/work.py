"""What an update works with, and the reader that gives its queries real rows."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bundlerun.pipelines.checkpoint import Batch, Checkpoint, Span
from bundlerun.pipelines.definitions import Definitions
from bundlerun.pipelines.expectations import (
    Counted,
    Expectation,
    counted,
    expectations_of,
    without_dropped,
)
from bundlerun.pipelines.graph import Node
from bundlerun.pipelines.kafka import KafkaSource, write_messages
from bundlerun.pipelines.names import short_name
from bundlerun.pipelines.session import FileSource, PipelineSession
from bundlerun.pipelines.stored import Stored, ddl
from pocketlake import Lake

Step = Literal["waiting", "started", "planned", "writing", "written", "ended"]
Listener = Callable[[Step, str], None]


class Declared(Protocol):
    """What a caller may know of a table: its columns with comments, and what identifies a row."""

    @property
    def columns(self) -> str:
        """DDL of the columns."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row."""


@dataclass
class Work:
    """An update under way."""

    lake: Lake
    session: PipelineSession
    definitions: Definitions
    nodes: Mapping[str, Node]
    storage: Path
    name: str
    declarations: Mapping[str, Declared]
    tell: Listener
    views: dict[str, DataFrame] = field(default_factory=dict)
    """Temporary views whose rows were counted; they are computed once an update."""
    view_counts: dict[str, Counted] = field(default_factory=dict)

    def stored(self, name: str) -> Stored:
        """A dataset, or a table that the pipeline only reads."""
        node, declared = self.nodes.get(name), self.declarations.get(name)
        keys = declared.keys if declared else ()
        comment = node.dataset.comment if node else ""
        if declared is not None:
            return Stored(name, declared.columns, keys, comment)
        if node is None:
            return Stored(name, "")
        schema = node.dataset.schema
        columns = schema if isinstance(schema, str) else ddl(schema or node.schema)
        return Stored(name, columns, keys, comment)

    def folder(self, name: str) -> Path:
        """Where the state of a dataset is kept."""
        return self.storage / name

    def measured(
        self, name: str, rows: DataFrame, rules: Sequence[Expectation]
    ) -> tuple[DataFrame, Counted | None]:
        """The rows without those to drop, and what was counted; rows without rules as they are."""
        if not rules:
            return rows, None
        rows = self.staged(name, rows)
        return without_dropped(rows, rules), counted(rows, rules, name=name)

    def staged(self, name: str, rows: DataFrame) -> DataFrame:
        """The rows from a file: what is counted and then written is computed once."""
        return self.lake.staged(rows, self._staging / name)

    def messages(self, batch: Batch) -> Path:
        """Where the messages of a batch are, until it is written."""
        return self._staging / f"messages-{batch.checkpoint}-{batch.number}"

    def clear(self) -> None:
        """Remove the rows that were staged."""
        shutil.rmtree(self._staging, ignore_errors=True)

    @property
    def _staging(self) -> Path:
        return self.storage / ".staged"


class Rows:
    """Answers the reads of a dataset's queries with real rows; streams give those of a batch."""

    def __init__(self, work: Work, checkpoint: Checkpoint | None, batch: Batch | None) -> None:
        self._work = work
        self._checkpoint = checkpoint
        self._batch = batch

    def table(self, name: str) -> DataFrame:
        """All rows of a dataset or table."""
        dataset = self._work.definitions.find(name)
        if dataset is not None and not dataset.is_stored:
            return self._view(dataset.name).alias(short_name(name))
        full = dataset.name if dataset else self._work.definitions.names.full(name)
        return self._work.lake.read(self._work.stored(full))

    def stream_table(self, name: str, *, skip_changes: bool = False) -> DataFrame:
        """The rows of a table that are new in the batch."""
        dataset = self._work.definitions.find(name)
        if dataset is not None and not dataset.is_stored:
            return self._view(dataset.name).alias(short_name(name))
        full = dataset.name if dataset else self._work.definitions.names.full(name)
        rows = self._between(full, self._of_batch.tables[full], skip_changes=skip_changes)
        return rows.alias(short_name(name))

    def stream_files(self, source: FileSource) -> DataFrame:
        """The rows of the files that are new in the batch."""
        assert self._checkpoint is not None  # noqa: S101 - a stream has one
        folder = self._checkpoint.relative(source.folder)
        files = [self._checkpoint.absolute(file) for file in self._of_batch.files.get(folder, ())]
        if not files:
            return self._work.session.createDataFrame([], source.schema)
        reader = self._work.lake.spark.read.format(source.format).schema(source.schema)
        return reader.options(**source.options).load(files)

    def stream_kafka(self, source: KafkaSource) -> DataFrame:
        """The messages of the batch, from a file."""
        file = self._work.messages(self._of_batch) / f"{source.name}.parquet"
        if not file.exists():
            write_messages(source, self._of_batch.offsets, file)
        return self._work.lake.spark.read.schema(source.columns).parquet(str(file))

    def is_known(self, name: str) -> bool:
        """True if a name in SQL is a dataset or table."""
        full = self._work.definitions.names.full(name)
        is_input = any(full in node.inputs for node in self._work.nodes.values())
        return is_input or self._work.definitions.find(name) is not None

    def other(self, what: str) -> None:
        """Nothing to note: the graph knows."""

    @property
    def _of_batch(self) -> Batch:
        assert self._batch is not None  # noqa: S101 - the graph says who streams
        return self._batch

    def _between(self, name: str, span: Span, *, skip_changes: bool) -> DataFrame:
        table, lake = self._work.stored(name), self._work.lake
        rows = lake.read(table, version=span.until)
        if span.since is None:
            return rows
        added = lake.added(table, since=span.since, until=span.until, skip_changes=skip_changes)
        if added is not None:
            return added
        before = lake.read(table, version=span.since)
        for column in rows.schema:
            if column.name not in before.columns:
                before = before.withColumn(column.name, F.lit(None).cast(column.dataType))
        return rows.exceptAll(before.select(*(f"`{name}`" for name in rows.columns)))

    def _view(self, name: str) -> DataFrame:
        if name in self._work.views:
            return self._work.views[name]
        node = self._work.nodes[name]
        [query] = node.dataset.queries.values()
        rows, counts = self._work.measured(name, query(), expectations_of(query))
        if counts is not None:
            self._work.view_counts[name] = counts
            if not node.reads.is_stream:
                self._work.views[name] = rows
        return rows

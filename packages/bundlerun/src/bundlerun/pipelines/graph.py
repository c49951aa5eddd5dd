"""The graph of a pipeline: what each dataset reads, found by running its query over empty frames.

It is complete before anything is written: a circle, a dataset that nobody defines and a query that
cannot be resolved end the update at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from bundlerun.pipelines.changes import DELETED, END, SEQUENCE, START, Target
from bundlerun.pipelines.definitions import Dataset, Definitions
from bundlerun.pipelines.errors import DefinitionError, GraphError, PipelineError, first_line
from bundlerun.pipelines.expectations import expectations_of
from bundlerun.pipelines.kafka import KafkaSource
from bundlerun.pipelines.names import short_name
from bundlerun.pipelines.plans import (
    STREAM,
    asked_of_all_rows,
    fingerprint,
    is_of_the_moment,
    plan_text,
)
from bundlerun.pipelines.session import FileSource, PipelineSession
from bundlerun.pipelines.sinks import check_columns


@dataclass
class Reads:
    """What the queries of a dataset read; what a temporary view reads counts for its readers."""

    tables: set[str] = field(default_factory=set)
    """Datasets and tables that are read whole."""
    stream_tables: set[str] = field(default_factory=set)
    stream_files: list[FileSource] = field(default_factory=list)
    stream_kafka: list[KafkaSource] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    """What else is read; it may change at any time."""

    def include(self, other: "Reads") -> None:
        """Add what another dataset reads."""
        self.tables |= other.tables
        self.stream_tables |= other.stream_tables
        self.stream_files += other.stream_files
        self.stream_kafka += other.stream_kafka
        self.others |= other.others

    @property
    def is_stream(self) -> bool:
        """True if something is read as a stream."""
        return bool(self.stream_tables or self.stream_files or self.stream_kafka)


@dataclass(frozen=True)
class Node:
    """A dataset with what is known of it before it is computed."""

    dataset: Dataset
    reads: Reads
    schema: StructType
    fingerprint: str
    is_of_the_moment: bool
    target: Target | None = None
    """Of a target of AUTO CDC: what identifies its rows, and what opens a version."""

    @property
    def is_stream_view(self) -> bool:
        """True if it is a view of what is new."""
        return self.dataset.kind == "temporary view" and self.reads.is_stream

    @property
    def inputs(self) -> list[str]:
        """The tables that it reads, of the pipeline or not."""
        return sorted(self.reads.tables | self.reads.stream_tables)


class Resolver:
    """Runs every query once, over empty frames."""

    def __init__(
        self,
        definitions: Definitions,
        session: PipelineSession,
        external: Callable[[str], DataFrame | None],
    ) -> None:
        self._definitions = definitions
        self._session = session
        self._external = external
        self._nodes: dict[str, Node] = {}
        self._under_way: list[tuple[Dataset, Reads]] = []

    def nodes(self) -> list[Node]:
        """Every dataset, each after those that it reads."""
        for dataset in self._definitions.datasets.values():
            self._node(dataset)
        return list(self._nodes.values())

    def table(self, name: str) -> DataFrame:
        """The columns of a dataset or table."""
        return self._columns(name, is_stream=False)

    def stream_table(self, name: str, *, skip_changes: bool = False) -> DataFrame:  # noqa: ARG002
        """The columns of a dataset or table that is read as a stream."""
        return self._columns(name, is_stream=True)

    def stream_files(self, source: FileSource) -> DataFrame:
        """The columns of the files."""
        if not source.folder.is_dir():
            message = f"expected the folder {source.folder}, which {self._reader.name} streams from"
            raise GraphError(f"{message}, found none: create it")
        self._reads.stream_files.append(source)
        return self._empty(source.schema).alias(STREAM)

    def stream_kafka(self, source: KafkaSource) -> DataFrame:
        """The columns of messages; no broker is asked."""
        self._reads.stream_kafka.append(source)
        return self._empty(source.columns).alias(STREAM)

    def is_known(self, name: str) -> bool:
        """True if a name in SQL is a dataset or table."""
        return self._definitions.find(name) is not None or self._external(name) is not None

    def other(self, what: str) -> None:
        """Note that something is read of which nobody knows when it changes."""
        self._reads.others.add(what)

    @property
    def _reader(self) -> Dataset:
        return self._under_way[-1][0]

    @property
    def _reads(self) -> Reads:
        return self._under_way[-1][1]

    def _columns(self, name: str, *, is_stream: bool) -> DataFrame:
        dataset = self._definitions.find(name)
        if dataset is None:
            return self._external_columns(name, is_stream=is_stream)
        if dataset.sink is not None:
            message = f"expected {self._reader.name} to read a table or view of the pipeline"
            raise DefinitionError(f"{message}, found sink {name}")
        node = self._node(dataset)
        if is_stream and dataset.rules:
            message = f"expected {self._reader.name} to read the rows of {dataset.name} whole"
            raise DefinitionError(f"{message}, found a stream: AUTO CDC changes and deletes them")
        if not dataset.is_stored:
            self._reads.include(node.reads)
        elif is_stream:
            self._reads.stream_tables.add(dataset.name)
        else:
            self._reads.tables.add(dataset.name)
        columns = self._empty(node.schema)
        if is_stream or node.is_stream_view:
            columns = columns.alias(STREAM)
        # A column may be named with its table.
        return columns.alias(short_name(name))

    def _external_columns(self, name: str, *, is_stream: bool) -> DataFrame:
        full = self._definitions.names.full(name)
        found = self._external(name)
        if found is None:
            message = f"expected {full}, which {self._reader.name} reads, to be a dataset"
            raise GraphError(f"{message} of the pipeline or a table, found neither")
        (self._reads.stream_tables if is_stream else self._reads.tables).add(full)
        return found.alias(STREAM).alias(short_name(name)) if is_stream else found

    def _node(self, dataset: Dataset) -> Node:
        known = self._nodes.get(dataset.name)
        if known is not None:
            return known
        names = [above.name for above, _ in self._under_way]
        if dataset.name in names:
            circle = [*names[names.index(dataset.name) :], dataset.name]
            message = "expected datasets that can be computed one after the other, found a circle"
            raise GraphError(f"{message}: {' reads '.join(circle)}")
        reads = Reads()
        self._under_way.append((dataset, reads))
        try:
            with self._session.reading(self):
                node = self._resolved(dataset, reads)
        except PipelineError:
            raise
        except Exception as error:
            raise GraphError(f"{dataset.name}: {first_line(error)}") from error
        finally:
            self._under_way.pop()
        self._nodes[dataset.name] = node
        return node

    def _resolved(self, dataset: Dataset, reads: Reads) -> Node:
        plans, schema, frames = [], StructType(), []
        for query in dataset.queries.values():
            frame = query()
            if frame is None and dataset.snapshots is not None:
                frame = self._before_snapshots(dataset)
            if not isinstance(frame, DataFrame):
                message = f"expected the function of {dataset.name} to return a DataFrame"
                raise DefinitionError(f"{message}, found {type(frame).__name__}")
            _check_stream(dataset, frame)
            frames.append(frame)
            schema = frame.schema
            conditions = [rule.is_met for rule in expectations_of(query)]
            if conditions:
                _ = frame.select(*conditions).schema
            plans.append(plan_text(frame))
        _check_kind(dataset, reads)
        if dataset.sink is not None:
            check_columns(dataset.sink, schema)
        declared = None if dataset.schema is None else self._empty(dataset.schema).schema
        target = None
        if dataset.rules:
            target, schema = _target(dataset, frames, declared)
        if declared is not None:
            schema = _declared(dataset, declared, schema)
        rules = [str(rule) for rule in dataset.expectations]
        is_of_the_moment_now = any(map(is_of_the_moment, plans))
        word = fingerprint(*plans, *rules, schema.json())
        return Node(dataset, reads, schema, word, is_of_the_moment_now, target)

    def _before_snapshots(self, dataset: Dataset) -> DataFrame:
        """What a target without a snapshot looks like: as declared, or as it is."""
        found = self._external(dataset.name)
        if dataset.schema is not None:
            found = self._empty(dataset.schema)
        if found is None:
            message = f"expected a first snapshot of {dataset.name}, found none: declare its schema"
            raise GraphError(message)
        sequence = F.col(START) if START in found.columns else F.lit(None)
        return found.select("*", sequence.alias(SEQUENCE), F.lit(False).alias(DELETED)).drop(
            START, END
        )

    def _empty(self, schema: StructType | str) -> DataFrame:
        return self._session.createDataFrame([], schema)


def _check_kind(dataset: Dataset, reads: Reads) -> None:
    if dataset.snapshots is not None and reads.is_stream:
        message = f"expected the snapshots of {dataset.name} to be read whole"
        raise DefinitionError(f"{message}, found a stream: use create_auto_cdc_flow")
    is_whole = dataset.snapshots is not None or dataset.once == set(dataset.queries)
    if dataset.kind in ("streaming table", "sink") and not (reads.is_stream or is_whole):
        message = f"expected {dataset.kind} {dataset.name} to read a stream"
        raise DefinitionError(f"{message}, found none: make it a materialized view")
    if dataset.kind == "materialized view" and reads.is_stream:
        message = f"expected materialized view {dataset.name} to read whole tables"
        raise DefinitionError(f"{message}, found a stream: make it a streaming table")


def _check_stream(dataset: Dataset, frame: DataFrame) -> None:
    wanted = asked_of_all_rows(frame)
    if wanted is not None:
        message = f"expected {dataset.name} to look at each row of its stream, found {wanted}"
        raise DefinitionError(f"{message}, which needs all: do it in a materialized view")


def _target(
    dataset: Dataset, frames: list[DataFrame], declared: StructType | None
) -> tuple[Target, StructType]:
    """What all flows of a target of AUTO CDC say of it, and its columns."""
    if declared is not None:
        kept = {*declared.names, SEQUENCE, DELETED}
        frames = [f.select(*(f"`{c}`" for c in f.columns if c in kept)) for f in frames]
    pairs = zip(dataset.rules, frames, strict=True)
    first, *others = [rules.target(frame) for rules, frame in pairs]
    if any(other != first for other in others):
        message = f"expected all flows of {dataset.name} to have the same keys, columns and type"
        raise DefinitionError(f"{message}, found others: use two tables")
    schema = first.schema(frames[0].schema)
    if declared is not None and first.scd_type == 2 and not {START, END} <= {*declared.names}:
        message = f"expected {START} and {END}, of the type of the sequence, among the columns"
        raise DefinitionError(f"{message} of {dataset.name}, found {', '.join(declared.names)}")
    return first, schema


def _declared(dataset: Dataset, declared: StructType, found: StructType) -> StructType:
    missing = [name for name in declared.names if name not in found.names]
    if missing:
        message = f"expected the query of {dataset.name} to give {', '.join(missing)}"
        raise PipelineError(f"{message}, found {', '.join(found.names)}")
    return declared

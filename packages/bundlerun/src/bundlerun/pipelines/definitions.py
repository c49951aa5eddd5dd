"""What a pipeline's source files define."""

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from pyspark.pipelines.flow import Flow
from pyspark.pipelines.graph_element_registry import (
    GraphElementRegistry,
    graph_element_registration_context,
)
from pyspark.pipelines.output import (
    MaterializedView,
    Output,
    Sink,
    StreamingTable,
    Table,
    TemporaryView,
)
from pyspark.pipelines.source_code_location import SourceCodeLocation
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from bundlerun.pipelines.additions import create_auto_cdc_flow, inject
from bundlerun.pipelines.changes import ChangeFlow, OnceFlow, Rules, SnapshotFlow
from bundlerun.pipelines.errors import DefinitionError, PipelineError, first_line
from bundlerun.pipelines.expectations import Expectation, expectations_of, with_expectations
from bundlerun.pipelines.names import Names, without_live
from bundlerun.pipelines.session import PipelineSession
from bundlerun.pipelines.sinks import check_sink
from bundlerun.pipelines.statements import SqlDataset, SqlFlow, statements

Kind = Literal["streaming table", "materialized view", "temporary view", "sink"]
Query = Callable[[], DataFrame]

_KINDS: dict[type[Output], Kind] = {
    StreamingTable: "streaming table",
    MaterializedView: "materialized view",
    TemporaryView: "temporary view",
    Sink: "sink",
}
# Modules that lie beside the source files are imported by plain names, which are the process's.
_importing = RLock()


@dataclass
class Dataset:
    """A table or view of a pipeline, and the queries that fill it."""

    name: str
    kind: Kind
    comment: str = ""
    schema: StructType | str | None = None
    queries: dict[str, Query] = field(default_factory=dict)
    """By name of the flow; only a streaming table may have several."""
    once: set[str] = field(default_factory=set)
    """Flows that read whole tables, and only once until a full refresh."""
    expectations_of_table: tuple[Expectation, ...] = ()
    """Those of the table's own definition: every query has them."""
    rules: list[Rules] = field(default_factory=list)
    """How changes are brought in: of each query if the table is a target of AUTO CDC."""
    snapshots: SnapshotFlow | None = None
    """The one flow of a target of AUTO CDC from snapshots."""
    sink: Sink | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_stored(self) -> bool:
        """True for what is a table; a temporary view is but its query, a sink is elsewhere."""
        return self.kind in ("streaming table", "materialized view")

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """The expectations of all its queries."""
        return tuple(rule for query in self.queries.values() for rule in expectations_of(query))


class Definitions(GraphElementRegistry):
    """The datasets of a pipeline, as its source files register them."""

    def __init__(self, spark: PipelineSession, names: Names) -> None:
        self.datasets: dict[str, Dataset] = {}
        self._spark = spark
        self.names = names
        self._flows: list[Flow] = []

    def register_output(self, output: Output) -> None:
        """Take in a table or view; its flows come by themselves."""
        kind = _KINDS.get(type(output))
        if kind is None:
            message = f"expected tables and views, found {output.name}, a"
            raise DefinitionError(f"{message} {type(output).__name__}")
        is_table = isinstance(output, Table)
        name = self.names.full(output.name) if is_table else output.name
        if name in self.datasets:
            raise DefinitionError(f"expected {name} to be defined once, found it twice")
        dataset = Dataset(name, kind, output.comment or "")
        if isinstance(output, Table):
            dataset.schema, dataset.properties = output.schema, output.table_properties
        if isinstance(output, Sink):
            check_sink(output)
            dataset.sink = output
        self.datasets[name] = dataset

    def register_flow(self, flow: Flow) -> None:
        """Take in a query; what it fills may be defined later."""
        self._flows.append(flow)

    def register_sql(self, sql_text: str, file_path: Path) -> None:
        """Take in the statements of a SQL file."""
        for found in statements(sql_text, file_path):
            if isinstance(found, SqlDataset):
                self._register_sql_dataset(found)
            elif isinstance(found, SqlFlow):
                query = self._sql_query(found.query)
                here = SourceCodeLocation(str(file_path), None)
                kind = OnceFlow if found.is_once else Flow
                self.register_flow(kind(found.name, found.target, {}, here, query))
            else:
                create_auto_cdc_flow(**found.arguments)

    def _register_sql_dataset(self, found: SqlDataset) -> None:
        name = found.name if found.kind == "temporary view" else self.names.full(found.name)
        if name in self.datasets:
            raise DefinitionError(f"expected {name} to be defined once, found it twice")
        dataset = Dataset(name, found.kind, found.comment, found.columns)
        dataset.properties, dataset.expectations_of_table = found.properties, found.expectations
        if found.query is not None:
            dataset.queries[name] = self._sql_query(found.query)
        self.datasets[name] = dataset

    def add_expectations(self, name: str, rules: Iterable[Expectation]) -> None:
        """Note rules of a table that is defined already."""
        self.datasets[self.names.full(name)].expectations_of_table = tuple(rules)

    def find(self, name: str) -> Dataset | None:
        """The dataset that a name means, if the pipeline has it."""
        view = self.datasets.get(without_live(name))
        if view is not None and not view.is_stored:
            return view
        return self.datasets.get(self.names.full(name))

    def complete(self) -> None:
        """Bring flows and datasets together, once all files are loaded."""
        for flow in self._flows:
            target = self.find(flow.target)
            if target is None:
                message = f"expected flow {flow.name} to fill a dataset of the pipeline"
                raise DefinitionError(f"{message}, found {flow.target}")
            if flow.name in target.queries:
                message = f"expected the flows of {target.name} to have names of their own"
                raise DefinitionError(f"{message}, found {flow.name} twice")
            target.queries[flow.name] = flow.func
            if isinstance(flow, ChangeFlow | SnapshotFlow):
                target.rules.append(flow.rules)
            if isinstance(flow, SnapshotFlow):
                target.snapshots = flow
            if isinstance(flow, OnceFlow) or (isinstance(flow, ChangeFlow) and flow.is_once):
                target.once.add(flow.name)
        self._flows.clear()
        for dataset in self.datasets.values():
            _check_flows(dataset)
            if rules := dataset.expectations_of_table:
                queries = dataset.queries.items()
                dataset.queries = {name: with_expectations(q, rules) for name, q in queries}

    def _sql_query(self, text: str) -> Query:
        return lambda: self._spark.sql(text)


def load(files: Sequence[Path], definitions: Definitions, spark: PipelineSession) -> None:
    """Run the source files, each with `spark`, and note what they define."""
    inject()
    with graph_element_registration_context(definitions):
        for number, file in enumerate(files):
            if file.suffix == ".sql":
                definitions.register_sql(file.read_text(encoding="utf-8"), file)
            else:
                _run(file, f"_pipeline_{number}_{file.stem}", spark)
    definitions.complete()


def _check_flows(dataset: Dataset) -> None:
    """Refuse flows that cannot fill the dataset, or not together."""
    if not dataset.queries:
        raise DefinitionError(f"expected a flow that fills {dataset.name}, found none")
    if dataset.sink is not None and dataset.expectations:
        message = f"expected the expectations of sink {dataset.name} on a view before it"
        raise DefinitionError(f"{message}, found them on its flow")
    if dataset.rules and dataset.kind != "streaming table":
        message = f"expected the target of AUTO CDC, {dataset.name}, to be a streaming"
        raise DefinitionError(f"{message} table, found a {dataset.kind}")
    if 0 < len(dataset.rules) < len(dataset.queries):
        message = f"expected {dataset.name} to be filled by AUTO CDC alone"
        raise DefinitionError(f"{message}, found append flows too: use two tables")
    if dataset.rules and dataset.expectations_of_table:
        message = f"expected the expectations of {dataset.name} at the source of its changes"
        raise DefinitionError(f"{message}, found them at the target: put them on a view")
    if dataset.snapshots and len(dataset.queries) > 1:
        message = f"expected one flow of snapshots to fill {dataset.name} alone"
        raise DefinitionError(f"{message}, found {len(dataset.queries)} flows")


@contextmanager
def importable(root: Path) -> Iterator[None]:
    """Let source files import what lies beside them; forget it afterwards."""
    with _importing:
        known = set(sys.modules)
        sys.path.insert(0, str(root))
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path.remove(str(root))
            for name in set(sys.modules) - known:
                origin = getattr(sys.modules[name], "__file__", None)
                if origin is not None and root in Path(origin).parents:
                    del sys.modules[name]


def _run(file: Path, module_name: str, spark: PipelineSession) -> None:
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"expected a .py or .sql file, found {file}")
    module: Any = importlib.util.module_from_spec(spec)
    module.spark = spark
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except PipelineError:
        raise
    except Exception as error:
        raise DefinitionError(f"{file.name}: {first_line(error)}") from error
    finally:
        del sys.modules[module_name]

"""What Lakeflow has in `pyspark.pipelines` and Spark 4.1 has not: pipeline code calls it there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from pyspark import pipelines
from pyspark.pipelines.flow import Flow
from pyspark.pipelines.graph_element_registry import get_active_graph_element_registry
from pyspark.pipelines.source_code_location import get_caller_source_code_location
from pyspark.sql import DataFrame
from pyspark.sql.connect.session import SparkSession

from bundlerun.pipelines.changes import (
    ChangeFlow,
    Changes,
    Name,
    OnceFlow,
    Rules,
    ScdType,
    Snapshot,
    SnapshotFlow,
    Version,
    snapshot_form,
)
from bundlerun.pipelines.errors import DefinitionError
from bundlerun.pipelines.expectations import all_of, decorators


def create_auto_cdc_flow(  # noqa: PLR0917 - Lakeflow's signature
    target: str,
    source: str,
    keys: Sequence[Name],
    sequence_by: Name,
    ignore_null_updates: bool = False,  # noqa: FBT001, FBT002 - Lakeflow's signature
    apply_as_deletes: Name | None = None,
    apply_as_truncates: Name | None = None,
    column_list: Sequence[Name] | None = None,
    except_column_list: Sequence[Name] | None = None,
    stored_as_scd_type: str | int = 1,
    track_history_column_list: Sequence[Name] | None = None,
    track_history_except_column_list: Sequence[Name] | None = None,
    name: str | None = None,
    once: bool = False,  # noqa: FBT001, FBT002 - Lakeflow's signature
) -> None:
    """Bring the changes of a stream into a streaming table, by key and sequence.

    Args:
        target: A streaming table of the pipeline.
        source: A table or view whose new rows are changes.
        keys: The columns that identify a row of the target.
        sequence_by: The order of the changes of a key: a column, or a struct of several.
        ignore_null_updates: Not supported here.
        apply_as_deletes: Which changes are deletes.
        apply_as_truncates: Not supported here.
        column_list: The columns to keep; the keys are kept anyway.
        except_column_list: The columns not to keep.
        stored_as_scd_type: 1 keeps the last state of a key, 2 all its versions.
        track_history_column_list: Of type 2, columns whose change opens a version.
        track_history_except_column_list: Of type 2, columns whose change opens none.
        name: Name of the flow; else that of the target.
        once: Read the source whole, and only once until a full refresh.
    """
    _refuse(target, ignore_null_updates=ignore_null_updates)
    _refuse(target, apply_as_truncates=apply_as_truncates is not None)
    _not_both(target, column_list=column_list, except_column_list=except_column_list)
    rules = _rules(
        target,
        keys,
        stored_as_scd_type,
        track_history_column_list=track_history_column_list,
        track_history_except_column_list=track_history_except_column_list,
    )
    changes = Changes(rules, sequence_by, apply_as_deletes, column_list, except_column_list)

    def query() -> DataFrame:
        spark = SparkSession.active()
        return changes.of((spark.read if once else spark.readStream).table(source))

    flow = ChangeFlow(
        name=name or target,
        target=target,
        spark_conf={},
        source_code_location=get_caller_source_code_location(stacklevel=1),
        func=query,
        rules=rules,
        is_once=once,
    )
    get_active_graph_element_registry().register_flow(flow)


def create_auto_cdc_from_snapshot_flow(  # noqa: PLR0917 - Lakeflow's signature
    target: str,
    source: str | Callable[[Version | None], Snapshot | None],
    keys: Sequence[Name],
    stored_as_scd_type: str | int = 1,
    track_history_column_list: Sequence[Name] | None = None,
    track_history_except_column_list: Sequence[Name] | None = None,
    once: bool = False,  # noqa: FBT001, FBT002 - Lakeflow's signature
) -> None:
    """Bring snapshots into a streaming table: what is new, has changed, and is gone.

    Args:
        target: A streaming table of the pipeline.
        source: A table or view, whose rows are a snapshot at each update, or a function: it gets
            the version of the last snapshot, None at first, and gives the next one with its
            version, None if there is none.
        keys: The columns that identify a row.
        stored_as_scd_type: 1 keeps the last state of a key, 2 all its versions.
        track_history_column_list: Of type 2, columns whose change opens a version.
        track_history_except_column_list: Of type 2, columns whose change opens none.
        once: Not supported here.
    """
    _refuse(target, once=once)
    rules = _rules(
        target,
        keys,
        stored_as_scd_type,
        track_history_column_list=track_history_column_list,
        track_history_except_column_list=track_history_except_column_list,
    )

    def query() -> DataFrame | None:
        if isinstance(source, str):
            return snapshot_form(SparkSession.active().read.table(source), datetime)
        found = source(None)
        return None if found is None else snapshot_form(found[0], type(found[1]))

    flow = SnapshotFlow(
        name=target,
        target=target,
        spark_conf={},
        source_code_location=get_caller_source_code_location(stacklevel=1),
        func=query,  # type: ignore[arg-type]  # None: there is none yet
        rules=rules,
        source=source,
    )
    get_active_graph_element_registry().register_flow(flow)


def create_streaming_table(
    name: str,
    *,
    expect_all: Mapping[str, str] | None = None,
    expect_all_or_drop: Mapping[str, str] | None = None,
    expect_all_or_fail: Mapping[str, str] | None = None,
    **options: Any,  # noqa: ANN401 - Spark's own
) -> None:
    """Define a streaming table that flows fill; its expectations count for each of them."""
    _own["create_streaming_table"](name, **_known(name, options))
    rules = [
        *all_of("warn", expect_all),
        *all_of("drop", expect_all_or_drop),
        *all_of("fail", expect_all_or_fail),
    ]
    if rules:
        registry: Any = get_active_graph_element_registry()
        registry.add_expectations(name, rules)


def append_flow(
    *,
    target: str,
    name: str | None = None,
    once: bool = False,
    comment: str | None = None,  # noqa: ARG001 - Lakeflow's signature
    spark_conf: Mapping[str, str] | None = None,
) -> Callable[[Callable[[], DataFrame]], None]:
    """Define a flow that appends; one that runs once reads whole tables."""
    here = get_caller_source_code_location(stacklevel=1)
    kind = OnceFlow if once else Flow

    def decorate(query: Callable[[], DataFrame]) -> None:
        flow = kind(name or query.__name__, target, dict(spark_conf or {}), here, query)
        get_active_graph_element_registry().register_flow(flow)

    return decorate


def table(query: Callable[[], DataFrame] | None = None, **options: Any) -> Any:  # noqa: ANN401
    """Define a streaming table and the query that fills it."""
    return _own["table"](query, **_known(options.get("name") or "a table", options))


def materialized_view(
    query: Callable[[], DataFrame] | None = None,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Define a materialized view."""
    return _own["materialized_view"](query, **_known(options.get("name") or "a view", options))


def foreach_batch_sink(*_: object, **__: object) -> NoReturn:
    """Refused: its function writes by itself, past the lake and its commits."""
    message = "expected a sink of delta or kafka by create_sink"
    raise DefinitionError(f"{message}, found foreach_batch_sink, which only a workspace has")


def inject() -> None:
    """Give `pyspark.pipelines` what it lacks.

    It stays: outside of a pipeline it does nothing but note, and another pipeline of this process
    may need it.
    """
    more: dict[str, Callable[..., Any]] = {
        **decorators(),
        "create_auto_cdc_flow": create_auto_cdc_flow,
        "create_auto_cdc_from_snapshot_flow": create_auto_cdc_from_snapshot_flow,
        "apply_changes": create_auto_cdc_flow,
        "apply_changes_from_snapshot": create_auto_cdc_from_snapshot_flow,
        "view": pipelines.temporary_view,
        "foreach_batch_sink": foreach_batch_sink,
    }
    for name, function in more.items():
        if not hasattr(pipelines, name):
            setattr(pipelines, name, function)
    for function in (create_streaming_table, append_flow, table, materialized_view):
        if function.__name__ not in _own:
            _own[function.__name__] = getattr(pipelines, function.__name__)
            setattr(pipelines, function.__name__, function)


_own: dict[str, Callable[..., Any]] = {}
"""What Spark itself has under names that take more arguments in Lakeflow."""
_OF_A_WORKSPACE = frozenset(
    {"cluster_by_auto", "private", "refresh_policy", "row_filter", "temporary"}
)
"""Arguments that say how a workspace stores and shows a table; here they change nothing."""


def _known(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that Spark knows."""
    if options.get("path") is not None:
        message = f"expected {name} without a path, as the warehouse says where it is"
        raise DefinitionError(f"{message}, found one: leave it out")
    left_out = {*_OF_A_WORKSPACE, "path"}
    return {key: value for key, value in options.items() if key not in left_out}


def _rules(
    target: str,
    keys: Sequence[Name],
    scd_type: str | int,
    *,
    track_history_column_list: Sequence[Name] | None,
    track_history_except_column_list: Sequence[Name] | None,
) -> Rules:
    types: dict[str, ScdType] = {"1": 1, "2": 2}
    found = types.get(str(scd_type).upper().removeprefix("SCD TYPE ").strip())
    if found is None:
        _wrong(target, "stored_as_scd_type 1 or 2", scd_type)
    if not keys:
        _wrong(target, "keys that identify a row", "none")
    tracked, untracked = track_history_column_list, track_history_except_column_list
    _not_both(target, track_history_column_list=tracked, track_history_except_column_list=untracked)
    if found == 1 and (tracked is not None or untracked is not None):
        _wrong(target, "track_history_column_list with stored_as_scd_type 2", "type 1")
    return Rules(keys, found, tracked, untracked)


def _not_both(target: str, **lists: Sequence[Name] | None) -> None:
    if all(value is not None for value in lists.values()):
        _wrong(target, f"one of {' and '.join(lists)}", "both")


def _refuse(target: str, **options: bool) -> None:
    for name, is_set in options.items():
        if is_set:
            _wrong(target, f"changes without {name}, which only a workspace has", name)


def _wrong(target: str, expected: str, found: object) -> NoReturn:
    raise DefinitionError(f"expected {expected} in the AUTO CDC of {target}, found {found}")

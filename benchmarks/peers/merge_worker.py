"""A process that merges batches into copies of a table, its session started and warm.

Reads one JSON object a line, `{"table": …, "batch": …}`, and answers with the seconds
that the merge took. The table is a folder, the batch a Parquet file.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

Merge = Callable[[Path, str], None]


def lyceum_merge(*, prune: bool) -> Merge:
    """`lyceum.storage.merge` into a declared table, in the session of `lyceum`."""
    from lyceum.config import Config
    from lyceum.session import spark_session
    from lyceum.silver.lms import EVENT_SESSION_DETAILS
    from lyceum.storage import Lakehouse, merge

    spark = spark_session(Config.load())

    def run(table: Path, batch: str) -> None:
        # Each copy is the silver table of a warehouse whose silver schema has the copy's name.
        places = {
            "LYCEUM_WAREHOUSE": str(table.parents[1]),
            "LYCEUM_SCHEMA_SILVER": table.parent.name,
        }
        lake = Lakehouse(spark, Config.load(table.parents[2], {**os.environ, **places}))
        source = spark.read.parquet(batch)
        merge(lake, EVENT_SESSION_DETAILS, source, unless_only=("updated_at",), prune=prune)

    return run


def plain_merge() -> Merge:
    """A `DeltaTable.merge` as the documentation has it, in a session that sets nothing."""
    from delta.tables import DeltaTable
    from peers_spark import default_session

    spark = default_session()

    def run(table: Path, batch: str) -> None:
        target = DeltaTable.forPath(spark, str(table)).alias("t")
        source = spark.read.parquet(batch).alias("s")
        merging = target.merge(source, "t.session_id = s.session_id")
        merging.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()

    return run


def delta_rs_merge() -> Merge:
    """The same with delta-rs."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped]
    from deltalake import DeltaTable

    def run(table: Path, batch: str) -> None:
        source = pq.read_table(batch)
        merging = DeltaTable(str(table)).merge(
            source, "t.session_id = s.session_id", source_alias="s", target_alias="t"
        )
        merging.when_matched_update_all().when_not_matched_insert_all().execute()

    return run


MERGES: dict[str, Callable[[], Merge]] = {
    "lyceum": partial(lyceum_merge, prune=True),
    "lyceum-unpruned": partial(lyceum_merge, prune=False),
    "plain": plain_merge,
    "delta-rs": delta_rs_merge,
}


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", choices=MERGES, required=True)
    merge = MERGES[parser.parse_args().peer]()
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.perf_counter()
        merge(Path(asked["table"]), asked["batch"])
        print(json.dumps({"wall": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()

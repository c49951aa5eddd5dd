"""The Spark session: the workspace's own, a Spark Connect server's, or one on this machine."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.config import Config

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EVERYWHERE = {
    "spark.sql.session.timeZone": "UTC",
    "spark.databricks.delta.commit.idempotencyCheck.enabled": "true",
    "spark.databricks.delta.write.txnVersion.autoReset.enabled": "true",
    # Delta's parser loses parameter markers without it.
    "spark.sql.legacy.parameterSubstitution.constantsOnly": "true",
}
_LOCAL = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.sources.default": "delta",
    "spark.sql.ansi.enabled": "true",
    # Each partition of a table's state generates its own code, which costs more than reading it.
    "spark.databricks.delta.snapshotPartitions": "1",
    # By default a hundred classes are kept, and a run generates several hundred.
    "spark.sql.codegen.cache.maxEntries": "2000",
    # Planning anew after every stage finds nothing to change in the few partitions of one machine.
    "spark.sql.adaptive.enabled": "false",
    # What is merged is computed once before (storage.computed_once): it needs no second copy.
    "spark.databricks.delta.merge.materializeSource": "none",
    "spark.sql.shuffle.partitions": str(os.cpu_count() or 2),
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.ui.explainMode": "simple",
    "spark.log.level": "ERROR",
    # Without Hadoop's native library its own file system starts a process for every chmod and
    # link; the log store belongs to it (storage.Lakehouse.writing keeps other processes out).
    "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
    "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
    "spark.app.name": "lyceum",
    # Driver and executor are one process: nothing of it has to be found by a network name.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
_JVM = {
    # The code cache that this compiler gets by default is full after a minute of Spark: everything
    # is then interpreted, and in the end the JVM dies.
    "light": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m",
    # With the usual thresholds the better compiler costs more than it gains in the first minutes.
    "heavy": "-XX:+UseParallelGC -XX:Tier4InvocationThreshold=50000"
    " -XX:Tier4MinInvocationThreshold=6000 -XX:Tier4CompileThreshold=150000"
    " -XX:Tier4BackEdgeThreshold=400000",
}


@dataclass(frozen=True)
class Surroundings:
    """The run that a task is part of: what it uses instead of opening its own."""

    config: Config
    session: Callable[[], "SparkSession"]
    session_with_tables: Callable[[], "SparkSession"]
    """The same session, with every table on disk known to it."""


SURROUNDINGS: ContextVar[Surroundings | None] = ContextVar("surroundings", default=None)
"""Set inside a task that a runner calls in its own process."""


def spark_session(config: Config) -> "SparkSession":
    """The session to use; the first call of a process starts it, later ones return the same."""
    from pyspark.sql import SparkSession

    for noisy in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(noisy).disabled = True
    inside = SURROUNDINGS.get()
    if inside is not None:
        spark = inside.session()
    elif config.warehouse is None:
        spark = SparkSession.builder.getOrCreate()
    elif config.remote:
        spark = SparkSession.builder.remote(config.remote).getOrCreate()
    else:
        spark = _local_session(config)
    for key in ("spark.sql.session.timeZone", *_set_at_run_time(config)):
        spark.conf.set(key, _EVERYWHERE[key])
    return spark


def _set_at_run_time(config: Config) -> list[str]:
    """Serverless compute allows few settings; elsewhere all of them hold."""
    return [] if config.warehouse is None else list(_EVERYWHERE)


def _local_session(config: Config) -> "SparkSession":
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(config.master)
    for key, value in local_options(config).items():
        builder = builder.config(key, value)
    with _output_to(config.logs / "spark.log"):
        return builder.getOrCreate()


def local_options(config: Config) -> dict[str, str]:
    """The Spark options of a session on this machine."""
    from lyceum.local.jars import class_archive, jars
    from lyceum.local.java import require_java

    java = require_java(config.java_home)
    archive = class_archive()
    options = f"{_JVM[config.jvm or 'light']} -Dlog4j2.level=ERROR"
    if archive.exists():
        options += f" -XX:SharedArchiveFile={archive}"
    return {
        **_LOCAL,
        **_EVERYWHERE,
        "spark.sql.warehouse.dir": str(config.warehouse),
        "spark.driver.memory": config.driver_memory,
        # On the class path, not in spark.jars: only there can the class archive hold them.
        "spark.driver.extraClassPath": ":".join(map(str, jars(config.cache_folder, java))),
        "spark.driver.extraJavaOptions": options,
    }


@contextmanager
def _output_to(file: Path) -> Iterator[None]:
    """Let processes that start meanwhile write to `file` what they would say on our terminal."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with file.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        for descriptor, target in zip(saved, (1, 2), strict=True):
            os.dup2(descriptor, target)
            os.close(descriptor)

"""A Spark Connect server in this process, with Delta: the engine that others are compared with."""

import logging
import os
import sys
import tempfile
import threading
from importlib.resources import files
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.connect.session import SparkSession as ConnectSession

from pocketlake.reference.jars import jars
from pocketlake.reference.java import require_java
from pocketlake.sessions import on_utc, without_reattaching

_OPTIONS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.sources.default": "delta",
    "spark.sql.ansi.enabled": "true",
    # The embedded engine cannot read the other form.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.databricks.delta.snapshotPartitions": "1",
    # How long files are kept is said by the caller.
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    # A version of an application that is there is left out only with this.
    "spark.databricks.delta.commit.idempotencyCheck.enabled": "true",
    "spark.databricks.delta.write.txnVersion.autoReset.enabled": "true",
    "spark.sql.shuffle.partitions": str(os.cpu_count() or 2),
    # A vacuum lists files in so many tasks, ten thousand by default.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.connect.grpc.binding.port": "0",
    # Driver and executor are one process: nothing of it has to be found by a network name.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
}
_MASTER = "local[2]"
_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m"
_LOGGING = files("pocketlake.reference") / "log4j2.properties"
"""What fails comes back to the client as an error: a log beside it would show rows."""


def reference_session(cache: Path, *, java_home: str | None = None) -> SparkSession:
    """A session of Apache Spark with Delta on this machine.

    Args:
        cache: Folder of the jars; they are fetched once.
        java_home: Where Java is, if it is not on PATH.

    Raises:
        JavaError: There is no Java 17 or 21.
    """
    for noisy in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(noisy).disabled = True
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session: Any = ConnectSession.builder.remote(
        server_address(cache, java_home=java_home)
    ).create()
    return on_utc(without_reattaching(session))


_GUARD = threading.Lock()
_ADDRESS: list[str] = []


def server_address(cache: Path, *, java_home: str | None = None) -> str:
    """The address of this process's server, which the first call starts at any free port."""
    with _GUARD:
        if not _ADDRESS:
            # `remote("local")` would take the one default port, whoever has it.
            os.environ.update(SPARK_LOCAL_REMOTE="1", SPARK_CONNECT_MODE_ENABLED="1")
            ConnectSession._start_connect_server(_MASTER, _options(cache, java_home))  # noqa: SLF001
            _ADDRESS.append(f"sc://localhost:{_port()}")
        return _ADDRESS[0]


def _port() -> int:
    from pyspark.sql.session import SparkSession as ClassicSession

    started: Any = ClassicSession._instantiatedSession  # noqa: SLF001
    service = "org.apache.spark.sql.connect.service.SparkConnectService$"
    return int(getattr(getattr(started._jvm, service), "MODULE$").localPort())  # noqa: SLF001


def _options(cache: Path, java_home: str | None) -> dict[str, object]:
    fetched = jars(cache, require_java(java_home))
    warehouse = tempfile.mkdtemp(prefix="pocketlake-spark-")
    return {
        **_OPTIONS,
        "spark.driver.extraJavaOptions": f"{_JVM} -Dlog4j2.configurationFile={_LOGGING}",
        "spark.jars": ",".join(map(str, fetched)),
        "spark.sql.warehouse.dir": warehouse,
    }

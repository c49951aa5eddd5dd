"""The start of `lyceum sql "SELECT 1"` beside that of a bare pyspark + Delta session."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lyceum.config import Config
from lyceum.local.jars import jars
from lyceum.local.java import require_java

BARE = """
import sys
from pyspark.sql import SparkSession
spark = (
    SparkSession.builder.config("spark.jars", sys.argv[1])
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .getOrCreate()
)
spark.sql("SELECT 1").show()
"""
REPEATS = 5


def seconds(command: list[str]) -> float:
    """Wall time of a command."""
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - started


def main() -> None:
    """Run both in turns and print the medians and their ratio."""
    config = Config.load()
    found = jars(config.cache_folder, require_java(config.java_home))
    bare = [sys.executable, "-c", BARE, ",".join(map(str, found))]
    ours = [str(Path(sys.executable).parent / "lyceum"), "sql", "SELECT 1"]
    times = [(seconds(bare), seconds(ours)) for _ in range(REPEATS)]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    table = Table("", "wall, s", "ratio", title=f"Start-up, median of {REPEATS}")
    for name, median in zip(("bare pyspark + Delta", "lyceum sql"), medians, strict=True):
        table.add_row(name, f"{median:.2f}", f"{median / medians[0]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()

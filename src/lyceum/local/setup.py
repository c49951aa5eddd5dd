"""What `make` does once in a new environment: fetch the jars, record the class archive."""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from lyceum.config import Config
from lyceum.errors import LyceumError
from lyceum.local.jars import class_archive
from lyceum.session import local_options

_TRAINING = """
import sys
from pyspark.sql import SparkSession, functions as F
builder = SparkSession.builder.master("local[2]")
for option in sys.argv[1:]:
    builder = builder.config(*option.split("=", 1))
spark = builder.getOrCreate()
spark.sql("CREATE SCHEMA training")
spark.sql("CREATE TABLE training.t (id STRING, n INT, v VARIANT) USING DELTA CLUSTER BY (id)")
rows = spark.range(9).selectExpr("CAST(id AS STRING) id", "CAST(id AS INT) n", "parse_json('[]') v")
for _ in range(2):
    (rows.alias("s").mergeInto("training.t", F.expr("s.id <=> training.t.id"))
     .whenMatched(F.expr("s.n <> training.t.n")).updateAll().whenNotMatched().insertAll().merge())
rows.write.mode("append").saveAsTable("training.t")
rows.write.mode("overwrite").saveAsTable("training.t")
spark.sql("SELECT id, count(*) FROM training.t GROUP BY id ORDER BY id").show()
spark.sql("SELECT * FROM training.t").toArrow()
spark.sql("DESCRIBE HISTORY training.t").collect()
spark.createDataFrame([("a", 1)], "id STRING, n INT").collect()
spark.stop()
"""


def record_class_archive(config: Config, archive: Path) -> None:
    """Let a training session write its classes to an archive that later sessions map in."""
    with tempfile.TemporaryDirectory() as folder:
        part = archive.with_suffix(f".{os.getpid()}")
        options = local_options(config)
        options["spark.sql.warehouse.dir"] = folder
        options["spark.driver.extraJavaOptions"] += f" -XX:ArchiveClassesAtExit={part}"
        arguments = [f"{key}={value}" for key, value in options.items()]
        command = [sys.executable, "-c", _TRAINING, *arguments]
        # Returns when the JVM, which has our pipes, has written the archive and ended.
        subprocess.run(command, check=True, capture_output=True, cwd=folder)  # noqa: S603
        part.rename(archive)


def main() -> int:
    """Prepare this environment; a second call finds everything done."""
    console = Console(stderr=True)
    config = Config.load()
    try:
        with console.status("Fetching the Spark jars"):
            local_options(config)
        archive = class_archive()
        if not archive.exists():
            for stale in archive.parent.glob("lyceum-spark*.jsa"):
                stale.unlink()
            # Only a speed-up: a machine that cannot record it works without.
            ignored = contextlib.suppress(subprocess.CalledProcessError, OSError)
            with console.status("Recording Spark's classes, for a fast start"), ignored:
                record_class_archive(config, archive)
    except LyceumError as error:
        console.print(str(error), style="red", highlight=False)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

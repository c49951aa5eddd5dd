"""The Spark session of a script that sets nothing but Delta."""

from delta.version import __version__ as delta_version
from pyspark.sql import SparkSession

from lyceum.config import Config
from lyceum.local.jars import jars
from lyceum.local.java import require_java


def default_session() -> SparkSession:
    """A local session as the Delta documentation starts it, with the jars of our cache."""
    config = Config.load()
    files = jars(config.cache_folder, require_java(config.java_home))
    assert any(delta_version in file.name for file in files)
    extension = "io.delta.sql.DeltaSparkSessionExtension"
    catalog = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
    return (
        SparkSession.builder.master("local[*]")
        .config("spark.jars", ",".join(map(str, files)))
        .config("spark.sql.extensions", extension)
        .config("spark.sql.catalog.spark_catalog", catalog)
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )

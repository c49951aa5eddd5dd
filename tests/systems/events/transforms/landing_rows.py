"""Bronze rows of the landing files from drawn tables."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.systems.events.source import Entity
from tables import draw

_DEFAULTS = {
    "_rescued": "CAST(NULL AS STRING)",
    "_problem": "CAST(NULL AS STRING)",
    "_raw": "CAST(NULL AS STRING)",
    "_source_file": "'a.csv'",
    "_source_modified_at": "TIMESTAMP '2026-01-01 00:00:00'",
    "_row_number": "1L",
    "_ingested_at": "TIMESTAMP '2026-01-02 00:00:00'",
}
_TYPES = {
    "_source_modified_at": "timestamp",
    "_row_number": "bigint",
    "_ingested_at": "timestamp",
}


def landed(spark: SparkSession, entity: Entity, text: str) -> DataFrame:
    """The drawn columns; `_n` numbers the rows and stands for file, time and place together.

    What is not drawn is NULL, or the same for all rows.
    """
    frame = draw(spark, text, {**_TYPES, "_n": "int"})
    if "_n" in frame.columns:
        day = F.timestamp_seconds(F.lit(1767225600) + F.col("_n") * 86400)
        frame = frame.withColumns({"_ingested_at": day, "_source_modified_at": day})
        frame = frame.withColumn("_source_file", F.concat(F.lit("f"), F.col("_n"))).drop("_n")
    absent = {name: F.lit(None).cast("string") for name in entity.columns}
    absent |= {name: F.expr(sql) for name, sql in _DEFAULTS.items()}
    return frame.withColumns({n: c for n, c in absent.items() if n not in frame.columns}).select(
        *absent
    )


def nothing(spark: SparkSession, entity: Entity) -> DataFrame:
    """No row of the entity."""
    return landed(spark, entity, f"{entity.key}\nx").limit(0)

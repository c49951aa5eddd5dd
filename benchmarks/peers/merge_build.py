"""Builds the tables that the merge benchmark merges into, and the batches of changed sessions.

Session ids are UUIDs that begin with a time, as the LMS gives them out; rows lie in their order,
which is what clustering on the key gives, in files of a million rows. The declared table has
deletion vectors and clustering; the plain one has the same rows and what Delta sets by default.
"""

import argparse
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.config import Config
from lyceum.session import spark_session
from lyceum.silver.lms import EVENT_SESSION_DETAILS

ROWS_PER_FILE = 1_000_000
FIRST_MILLISECOND = 1_700_000_000_000
MILLISECONDS_BETWEEN = 37_000


def sessions(numbers: DataFrame, *, revision: str = "") -> DataFrame:
    """The sessions of these numbers, column `id`, with the columns of the declared table."""
    number = F.col("id")
    starts_at = F.timestamp_millis(F.lit(FIRST_MILLISECOND) + number * MILLISECONDS_BETWEEN)
    product = F.format_string("PROD-%03d", number % 20)
    return numbers.select(
        session_id(number).alias("session_id"),
        F.format_string("EVAL-%06d", F.pmod(F.xxhash64("id"), F.lit(1_000_000))).alias("eval_id"),
        starts_at.cast("string").alias("start_time"),
        (starts_at + F.expr("INTERVAL 1 HOUR")).cast("string").alias("end_time"),
        F.element_at(F.lit(["Europe/Berlin", "UTC", "+01:00"]), (number % 3 + 1).cast("int")).alias(
            "timezone"
        ),
        F.md5(product).alias("product_id"),
        product.alias("product_identification"),
        F.concat(F.lit("Essentials of "), product).alias("product_name"),
        F.lit("Webinar").alias("product_type"),
        F.format_string(f"Questions from the field, part %d{revision}", number).alias(
            "session_title"
        ),
        F.md5(F.floor(number / 3).cast("string")).alias("event_id"),
        F.timestamp_seconds(F.lit(1_790_000_000)).alias("updated_at"),
        F.lit(None).cast("timestamp").alias("removed_at"),
    )


def session_id(number: Column) -> Column:
    """A UUID of version 7: its first twelve digits are a time in milliseconds."""
    time = F.lpad(F.lower(F.hex(F.lit(FIRST_MILLISECOND) + number * MILLISECONDS_BETWEEN)), 12, "0")
    chance = F.md5(number.cast("string"))
    parts = [(time, 1, 8), (time, 9, 4), (chance, 1, 3), (chance, 4, 3), (chance, 7, 12)]
    texts = [F.substring(text, start, length) for text, start, length in parts]
    dash, version, variant = F.lit("-"), F.lit("-7"), F.lit("-a")
    return F.concat(texts[0], dash, texts[1], version, texts[2], variant, texts[3], dash, texts[4])


def build_table(spark: SparkSession, rows: int, folder: Path, *, is_declared: bool) -> None:
    """Write all sessions, in the order of their ids."""
    if is_declared:
        name = "default.declared"
        spark.sql(EVENT_SESSION_DETAILS.create_statement(name, str(folder)))
    files = max(1, rows // ROWS_PER_FILE)
    numbered = sessions(spark.range(0, rows, 1, files))
    numbered.write.format("delta").mode("append").save(str(folder))


def build_batch(spark: SparkSession, rows: int, size: int, folder: Path, *, spread: str) -> None:
    """Changed versions of the latest sessions, or of sessions from all over the table."""
    numbers = spark.range(rows - size, rows)
    if spread == "scattered":
        stride = rows // size
        place = F.pmod(F.xxhash64("id"), F.lit(stride))
        numbers = spark.range(size).select((F.col("id") * stride + place).alias("id"))
    batch = sessions(numbers.repartition(1), revision=" (revised)")
    batch = batch.withColumn("updated_at", F.timestamp_seconds(F.lit(1_790_086_400)))
    batch.write.parquet(str(folder))


def main() -> None:
    """Build what is asked for under a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", required=True)
    given = parser.parse_args()
    spark = spark_session(Config.load(given.folder / "build"))
    for name in ("declared", "plain"):
        place = given.folder / name / "event_session_details"
        build_table(spark, given.rows, place, is_declared=name == "declared")
    for size in given.sizes:
        for spread in ("contiguous", "scattered"):
            place = given.folder / f"{spread}-{size}"
            build_batch(spark, given.rows, size, place, spread=spread)


if __name__ == "__main__":
    main()

"""The event pipeline as a plain Spark script: all files read again, Delta tables overwritten."""

from pathlib import Path

from events_mdm import Figures, final_ids, run
from peers_spark import default_session
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

TRUE = ("true", "y", "yes", "1")


def identifier(name: str) -> Column:
    """Trimmed, in upper case, empty as NULL."""
    return F.nullif(F.upper(F.trim(name)), F.lit("")).alias(name)


def rows(spark: SparkSession, landing: Path, entity: str) -> DataFrame:
    """All rows of an entity with the time of their file, identifiers standardised."""
    reader = spark.read.option("header", "true").option("multiLine", "true").option("escape", '"')
    frame = reader.csv(str(landing / entity / "*.csv"))
    columns = [identifier(c) if c.endswith("_id") else F.col(c) for c in frame.columns]
    return frame.select(*columns, F.col("_metadata.file_modification_time").alias("arrived"))


def latest(frame: DataFrame, key: str, *order: str) -> DataFrame:
    """One row a key: the last in this order."""
    newest = Window.partitionBy(key).orderBy(*(F.desc(name) for name in (*order, "arrived")))
    ranked = frame.withColumn("rank", F.row_number().over(newest))
    return ranked.where("rank = 1").drop("rank", "arrived")


def silver(spark: SparkSession, landing: Path) -> tuple[DataFrame, DataFrame]:
    """The latest events and participants."""
    brands = latest(rows(spark, landing, "brands"), "brand_id")
    events = rows(spark, landing, "events").withColumns(
        {
            "event_date": F.col("event_date").cast("date"),
            "oasis_modified_date": F.col("oasis_modified_date").cast("timestamp"),
        }
    )
    events = latest(events, "event_id", "oasis_modified_date").join(brands, "brand_id", "left")
    word = F.lower(F.trim("attended"))
    people = rows(spark, landing, "participants").withColumns(
        {
            "modified_date": F.col("modified_date").cast("timestamp"),
            "attended": F.when(word != "", word.isin(*TRUE)),
        }
    )
    people = latest(people, "participant_id", "modified_date")
    mdm = latest(rows(spark, landing, "mdm"), "mdm_id").select("mdm_id", "final_mdm_id")
    final, circular = final_ids(tuple(row) for row in mdm.collect())
    ends = [(i, end) for i, end in final.items()] + [(i, None) for i in circular]
    chains = spark.createDataFrame(ends, "mdm_id STRING, end STRING")
    chains = chains.withColumn("is_known", F.lit(True))
    people = people.join(events.select("event_id"), "event_id", "left_semi")
    people = people.join(chains, "mdm_id", "left").where("is_known IS NULL OR end IS NOT NULL")
    people = people.withColumn("final_mdm_id", F.coalesce("end", "mdm_id")).drop("end", "is_known")
    return events, people


def process(landing: Path, home: Path) -> Figures:
    """Files to Delta."""
    spark = default_session()
    for name, frame in zip(("lm_events", "lm_participants"), silver(spark, landing), strict=True):
        frame.write.format("delta").mode("overwrite").save(str(home / name))
    events, people = (
        spark.read.format("delta").load(str(home / n)) for n in ("lm_events", "lm_participants")
    )
    by_event = people.groupBy("event_id").agg(
        F.count("*").alias("registrations"), F.count_if("attended").alias("attendees")
    )
    counted = events.join(by_event, "event_id", "left").fillna(0, ["registrations", "attendees"])
    sums = (
        F.sum("registrations").alias("total_registrations"),
        F.sum("attendees").alias("total_attendees"),
    )
    performance = counted.groupBy("event_date").agg(F.count("*").alias("total_events"), *sums)
    rate = F.expr("try_divide(total_attendees, total_registrations)")
    performance = performance.withColumn("attendance_rate", rate)
    products = counted.groupBy("brand_id", "brand_name").agg(
        F.count("*").alias("event_count"), *sums
    )
    tables = {"event_performance_kpi": performance, "product_performance_kpi": products}
    for name, frame in tables.items():
        frame.write.format("delta").mode("overwrite").save(str(home / name))
    found = spark.read.format("delta").load(str(home / "event_performance_kpi"))
    names = ("total_events", "total_registrations", "total_attendees")
    return found.agg(*(F.sum(name).alias(name) for name in names)).collect()[0].asDict()


if __name__ == "__main__":
    run(process)

"""The least that Spark does for a load: our source, one query for the ids, one append to Delta.

Nothing is checked, merged or recorded, and a load that breaks off begins anew.
"""

import argparse
import json
import time
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lyceum.config import Config
from lyceum.session import spark_session
from lyceum.sources.lms.datasource import lms_source

PAGE = "data ARRAY<STRUCT<id: STRING>>"


def load(spark: SparkSession, folder: str) -> None:
    """Append the details of every listed event to a new table."""
    pages = spark.read.format("lms").option("resource", "events").load()
    events = F.explode(F.from_json("body", PAGE)["data"]["id"])
    ids = [row[0] for row in pages.select(events).distinct().collect()]
    reader = spark.read.format("lms").option("resource", "session_details")
    reader.option("event_ids", json.dumps(ids)).load().write.format("delta").save(folder)


def main() -> None:
    """Print the seconds that it takes in a session that has just been started, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--home", required=True)
    given = parser.parse_args()
    config = Config.load(Path(given.home))
    spark = spark_session(config)
    spark.dataSource.register(lms_source(config.lms(base_url=given.url)))
    began = time.perf_counter()
    load(spark, f"{given.home}/details")
    seconds = time.perf_counter() - began
    print(json.dumps({"api_seconds": seconds, "whole_seconds": seconds}))


if __name__ == "__main__":
    main()

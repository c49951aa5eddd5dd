"""The per-event loop of the source document: a GET, a raw row and a MERGE for each event id."""

import argparse
import http.client
import json
import os
import time
from datetime import UTC, datetime
from statistics import median
from urllib.parse import urlencode, urlsplit

import psutil  # type: ignore[import-untyped]
from delta.tables import DeltaTable
from peers_spark import default_session
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

WARM_UP = 3
PAYLOAD = """
    data STRUCT<event_id: STRING, sessions: ARRAY<STRUCT<id: STRING, eval_id: STRING,
    start_time: STRING, end_time: STRING, timezone: STRING, title: STRING, products: ARRAY<STRUCT<
    id: STRING, identification: STRING, name: STRING, type: STRING>>>>>
"""
SILVER = """
    session_id STRING, eval_id STRING, start_time STRING, end_time STRING, timezone STRING,
    product_id STRING, product_identification STRING, product_name STRING, product_type STRING,
    session_title STRING
"""


class Api:
    """One kept-alive connection to the LMS."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(str(urlsplit(url).netloc))
        form = {"client_id": "lyceum", "client_secret": "lyceum-secret"}
        form["grant_type"] = "client_credentials"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", "/oauth/token", urlencode(form), headers)
        token = json.loads(self._connection.getresponse().read())["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> str:
        """The body of an answer."""
        self._connection.request("GET", path, headers=self._headers)
        return self._connection.getresponse().read().decode()


def process_event(spark: SparkSession, api: Api, home: str, event_id: str) -> None:
    """What the source document does for one event id."""
    body = api.get(f"/api/v1/events/{event_id}/session-details")
    row = (event_id, body, datetime.now(UTC))
    raw = spark.createDataFrame([row], "event_id STRING, body STRING, fetched_at TIMESTAMP")
    raw.write.format("delta").mode("append").save(f"{home}/raw")
    landed = spark.read.format("delta").load(f"{home}/raw").where(F.col("event_id") == event_id)
    silver = DeltaTable.forPath(spark, f"{home}/silver").alias("t")
    merging = silver.merge(sessions(landed).alias("s"), "t.session_id = s.session_id")
    merging.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()


def sessions(landed: DataFrame) -> DataFrame:
    """The sessions of the payloads, each with its first product."""
    parsed = landed.select(F.from_json("body", PAYLOAD).alias("payload"))
    session = parsed.select(F.explode("payload.data.sessions").alias("s"))
    product = F.get("s.products", F.lit(0))
    return session.select(
        F.col("s.id").alias("session_id"),
        *(f"s.{name}" for name in ("eval_id", "start_time", "end_time", "timezone")),
        product["id"].alias("product_id"),
        product["identification"].alias("product_identification"),
        product["name"].alias("product_name"),
        product["type"].alias("product_type"),
        F.col("s.title").alias("session_title"),
    )


def cpu_seconds() -> float:
    """What this process and its JVM have used."""
    me = psutil.Process(os.getpid())
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return float(sum(t.user + t.system for t in times))


def main() -> None:
    """Process the first events; print the cost of one event, JVM warm, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--home", required=True)
    parser.add_argument("--events", type=int, default=10)
    given = parser.parse_args()
    spark, api = default_session(), Api(given.url)
    spark.createDataFrame([], SILVER).write.format("delta").save(f"{given.home}/silver")
    page = json.loads(api.get(f"/api/v1/events?page=1&page_size={given.events + WARM_UP}"))
    event_ids = [event["id"] for event in page["data"]]
    seconds: list[float] = []
    for position, event_id in enumerate(event_ids):
        if position == WARM_UP:
            warm_cpu = cpu_seconds()
        began = time.perf_counter()
        process_event(spark, api, given.home, event_id)
        seconds.append(time.perf_counter() - began)
    measured = len(seconds) - WARM_UP
    cost = {"event_seconds": median(seconds[WARM_UP:]), "events_measured": measured}
    print(json.dumps(cost | {"event_cpu_seconds": (cpu_seconds() - warm_cpu) / measured}))


if __name__ == "__main__":
    main()

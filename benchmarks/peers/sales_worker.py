"""A process that brings sales from files to gold, its session started and warm.

Reads one JSON object a line, `{"folder": …, "steps": […]}`, and answers with the seconds that each
step took, and how much of it went to checkpoints and logs.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

Steps = dict[str, Callable[[str], object]]

DUCKDB_LINES = """
    CREATE OR REPLACE TEMP TABLE line AS
    SELECT *, InvoiceNo LIKE 'C%' OR Quantity < 0 AS is_return, abs(Quantity) AS units,
           abs(Quantity) * UnitPrice AS amount, CAST(InvoiceDate AS DATE) AS day
    FROM (SELECT DISTINCT * FROM read_csv('{folder}/*.csv', header = true, columns = {{
        'InvoiceNo': 'VARCHAR', 'StockCode': 'VARCHAR', 'Description': 'VARCHAR',
        'Quantity': 'INT', 'InvoiceDate': 'TIMESTAMP', 'UnitPrice': 'DECIMAL(12,4)',
        'CustomerID': 'VARCHAR', 'Country': 'VARCHAR'}}))
    WHERE UnitPrice >= 0
"""
LINES = """
    SELECT *, InvoiceNo LIKE 'C%' OR Quantity < 0 AS is_return, abs(Quantity) AS units,
           abs(Quantity) * UnitPrice AS amount, to_date(InvoiceDate) AS day
    FROM (SELECT DISTINCT * FROM raw) WHERE UnitPrice >= 0
"""
MEASURES = """
    count(*) AS line_count,
    sum(CASE WHEN is_return THEN 0 ELSE units END) AS quantity_sold,
    sum(CASE WHEN is_return THEN units ELSE 0 END) AS quantity_returned,
    sum(CASE WHEN is_return THEN 0 ELSE amount END) AS gross_revenue,
    sum(CASE WHEN is_return THEN amount ELSE 0 END) AS returned_revenue,
    sum(CASE WHEN is_return THEN -amount ELSE amount END) AS net_revenue
"""
GOLD = {
    "fact_sales_monthly": f"""
        SELECT year(day) AS year, month(day) AS month, count(DISTINCT day) AS active_days,
               count(DISTINCT StockCode) AS products, count(DISTINCT Country) AS countries,
               {MEASURES}
        FROM line GROUP BY year(day), month(day)""",
    "fact_product_performance": f"""
        SELECT *, rank() OVER (ORDER BY net_revenue DESC) AS revenue_rank FROM (
            SELECT StockCode, max_by(Description, InvoiceDate) AS description,
                   min(day) AS first_sale_date, max(day) AS last_sale_date, {MEASURES}
            FROM line GROUP BY StockCode)""",
    "fact_country_sales": f"""
        SELECT *, net_revenue / sum(net_revenue) OVER () AS net_revenue_share FROM (
            SELECT Country, min(day) AS first_sale_date, max(day) AS last_sale_date, {MEASURES}
            FROM line GROUP BY Country)""",
}


def lyceum_steps(home: Path) -> Steps:
    """The three jobs, in the session of `lyceum`."""
    from lyceum.config import Config
    from lyceum.jobs.sales_load import load
    from lyceum.jobs.sales_monthly import Selection, monthly
    from lyceum.jobs.sales_performance import performance
    from lyceum.ops.reporter import Reporter
    from lyceum.session import spark_session
    from lyceum.storage import Lakehouse

    config = Config.load(home)
    lake, reporter = Lakehouse(spark_session(config), config), Reporter("quiet")
    return {
        "load": lambda folder: load(lake, Path(folder), reporter),
        "monthly": lambda _: monthly(lake, Selection(), reporter, dry_run=False),
        "performance": lambda _: performance(lake, reporter),
    }


def duckdb_steps(home: Path) -> Steps:
    """All of gold from all files, by DuckDB."""
    import duckdb

    connection = duckdb.connect()
    home.mkdir(parents=True, exist_ok=True)

    def recompute(folder: str) -> None:
        connection.execute(DUCKDB_LINES.format(folder=folder))
        for name, query in GOLD.items():
            connection.execute(f"COPY ({query}) TO '{home}/{name}.parquet' (FORMAT parquet)")

    return {"recompute": recompute}


def spark_steps(home: Path) -> Steps:
    """All of gold from all files, by Spark and Delta with their defaults."""
    from peers_spark import default_session

    spark = default_session()
    schema = (
        "InvoiceNo STRING, StockCode STRING, Description STRING, Quantity INT, "
        "InvoiceDate TIMESTAMP, UnitPrice DECIMAL(12,4), CustomerID STRING, Country STRING"
    )

    def recompute(folder: str) -> None:
        rows = spark.read.csv(folder, schema=schema, header=True, escape='"')
        rows.createOrReplaceTempView("raw")
        spark.sql(LINES).createOrReplaceTempView("line")
        for name, query in GOLD.items():
            spark.sql(query).write.format("delta").mode("overwrite").save(f"{home}/{name}")

    return {"recompute": recompute}


class Clock:
    """Seconds between the begin and the end of checkpoints, and of writes of their tables."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __call__(self, kind: str, subject: str) -> None:
        """Hear of a step."""
        if kind == "checkpointing" or (kind == "writing" and subject.startswith("ops.pipeline_")):
            self._began = time.monotonic()
        if kind == "checkpointed" or (kind == "written" and subject.startswith("ops.pipeline_")):
            self.seconds += time.monotonic() - self._began


def answered(steps: Steps, question: dict[str, object]) -> dict[str, object]:
    """Do the steps; how long each took, and what of it was bookkeeping."""
    from lyceum.storage.observe import followed

    clock, seconds = Clock(), {}
    with followed(clock):
        for name in question["steps"]:  # type: ignore[attr-defined]
            began = time.monotonic()
            steps[name](str(question["folder"]))
            seconds[name] = time.monotonic() - began
    return {"steps": seconds, "wall": sum(seconds.values()), "bookkeeping": clock.seconds}


def main() -> None:
    """Answer questions until there are none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, choices=["lyceum", "duckdb", "spark"])
    parser.add_argument("--home", type=Path, required=True)
    given = parser.parse_args()
    peers = {"lyceum": lyceum_steps, "duckdb": duckdb_steps, "spark": spark_steps}
    steps = peers[given.peer](given.home)
    for line in sys.stdin:
        print(json.dumps(answered(steps, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

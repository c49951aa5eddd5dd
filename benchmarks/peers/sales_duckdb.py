"""Sales by DuckDB: all of gold from all files, as Parquet; neither bronze nor silver."""

import argparse
from pathlib import Path

import duckdb

LINES = """
    CREATE TEMP TABLE line AS
    SELECT *, InvoiceNo LIKE 'C%' OR Quantity < 0 AS is_return, abs(Quantity) AS units,
           abs(Quantity) * price AS amount, CAST(InvoiceDate AS DATE) AS day
    FROM (SELECT DISTINCT *, TRY_CAST(UnitPrice AS DECIMAL(12,4)) AS price
        FROM read_csv('{folder}/*.csv', header = true, columns = {{
        'InvoiceNo': 'VARCHAR', 'StockCode': 'VARCHAR', 'Description': 'VARCHAR',
        'Quantity': 'INT', 'InvoiceDate': 'TIMESTAMP', 'UnitPrice': 'VARCHAR',
        'CustomerID': 'VARCHAR', 'Country': 'VARCHAR'}}))
    WHERE price >= 0
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


def main() -> None:
    """Files to Parquet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(LINES.format(folder=given.landing))
    for name, query in GOLD.items():
        connection.execute(f"COPY ({query}) TO '{given.home}/{name}.parquet' (FORMAT parquet)")


if __name__ == "__main__":
    main()

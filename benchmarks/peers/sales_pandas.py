"""Sales by pandas: all of gold from all files, as Parquet; money in floating point."""

import argparse
from pathlib import Path

import pandas as pd


def lines(landing: Path) -> pd.DataFrame:
    """All valid lines, repeated ones once, with their measures."""
    files = sorted(landing.glob("*.csv"))
    frame = pd.concat([pd.read_csv(file, dtype=str) for file in files]).drop_duplicates()
    frame["moment"] = pd.to_datetime(frame["InvoiceDate"])
    frame["day"] = frame["moment"].dt.normalize()
    price, count = (pd.to_numeric(frame[n], errors="coerce") for n in ("UnitPrice", "Quantity"))
    is_return = frame["InvoiceNo"].str.startswith("C") | (count < 0)
    amount = count.abs() * price
    frame["quantity_sold"] = count.abs().mask(is_return, 0)
    frame["quantity_returned"] = count.abs().where(is_return, 0)
    frame["gross_revenue"] = amount.mask(is_return, 0)
    frame["returned_revenue"] = amount.where(is_return, 0)
    frame["net_revenue"] = amount.mask(is_return, -amount)
    return frame[price >= 0]


def totals(frame: pd.DataFrame, keys: list[str], **more: tuple[str, str]) -> pd.DataFrame:
    """The measures by the keys."""
    names = ("quantity_sold", "quantity_returned", "gross_revenue", "returned_revenue")
    sums = {name: (name, "sum") for name in (*names, "net_revenue")}
    grouped = frame.groupby(keys, as_index=False)
    result: pd.DataFrame = grouped.agg(line_count=("InvoiceNo", "count"), **sums, **more)
    return result


def main() -> None:
    """Files to Parquet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    frame = lines(given.landing).sort_values("moment", kind="stable")
    days = {"first_sale_date": ("day", "min"), "last_sale_date": ("day", "max")}
    counts = {"products": ("StockCode", "nunique"), "countries": ("Country", "nunique")}
    counts["active_days"] = ("day", "nunique")
    by_month = frame.assign(year=frame["day"].dt.year, month=frame["day"].dt.month)
    months = totals(by_month, ["year", "month"], **counts)
    products = totals(frame, ["StockCode"], description=("Description", "last"), **days)
    products["revenue_rank"] = products["net_revenue"].rank(ascending=False, method="min")
    countries = totals(frame, ["Country"], **days)
    countries["net_revenue_share"] = countries["net_revenue"] / countries["net_revenue"].sum()
    facts = {"sales_monthly": months, "product_performance": products, "country_sales": countries}
    for name, fact in facts.items():
        fact.to_parquet(given.home / f"fact_{name}.parquet")


if __name__ == "__main__":
    main()

"""Helpers of the sales tests: small files, and the gold that plain Python finds in any files."""

import csv
from collections import defaultdict
from contextlib import suppress
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.runs.reporter import Reporter
from lyceum.systems.sales.gold.fact_country_sales import FACT_COUNTRY_SALES
from lyceum.systems.sales.gold.fact_product_performance import FACT_PRODUCT_PERFORMANCE
from lyceum.systems.sales.gold.fact_sales_monthly import FACT_SALES_MONTHLY
from lyceum.systems.sales.job_load import load
from lyceum.systems.sales.job_monthly import monthly
from lyceum.systems.sales.job_performance import performance
from lyceum.systems.sales.months import Selection

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LATE = "2011-01-31-late.csv"
FILES = {
    "2010-12-31.csv": """
536365,85123A,WHITE HEART ,6,2010-12-31 08:26:00,2.55,17850.0,United Kingdom
536365,85123A,WHITE HEART ,6,2010-12-31 08:26:00,2.55,17850.0,United Kingdom
536366,71053,"LANTERN, ""WHITE"" BIG",3,2010-12-31 23:59:59,0.001,,United Kingdom
C536367,85123A,WHITE HEART,-2,2010-12-31 10:00:00,2.55,17850.0,France
""",
    "2011-01-30.csv": """
540001,22752,BABUSHKA,2,2011-01-30 00:00:00,7.65,13047.0,France
540002,22752,,-5,2011-01-30 12:00:00,0.0,,United Kingdom
540003,85123A,CREAM HEART,1,2011-01-30 12:00:00,2.95,13047.0,EIRE
540004,ADJUST,Adjust bad debt,1,2011-01-30 12:00:00,-11062.06,,United Kingdom
540005,22752,BABUSHKA,many,2011-01-30 12:00:00,7.65,13047.0,France
540006,22752,BABUSHKA
""",
    "2011-01-31.csv": """
540011,71053,,4,2011-01-31 09:00:00,3.39,15311.0,United Kingdom
540012,22752,BABUSHKA DOLLS,1,2011-01-31 09:00:00,7.95,15311.0,Portugal
540001,22752,BABUSHKA,2,2011-01-30 00:00:00,7.65,13047.0,France
""",
    "2011-02-01.csv": """
540101,85123A,?,1,2011-02-01 09:00:00,2.55,,Portugal
C540102,POST,POSTAGE,-1,2011-02-01 09:30:00,18.0,12662.0,Portugal
""",
    "2011-02-02.csv": "",
    LATE: """
540013,22752,BABUSHKA DOLLS,10,2011-01-31 09:05:00,7.95,15311.0,Japan
540014,71053,LANTERN,1,2010-12-31 09:05:00,3.39,15311.0,France
""",
}
Row = dict[str, object]
MONTHLY = (FACT_SALES_MONTHLY, "month_key")
PRODUCTS = (FACT_PRODUCT_PERFORMANCE, "stock_code")
COUNTRIES = (FACT_COUNTRY_SALES, "country")
_NOT_COMPARED = {"described_at"}


def write_files(folder: Path, names=tuple(FILES)) -> Path:
    """Some of the small files, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        text = HEADER + "\n" + FILES[name].removeprefix("\n")
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def all_jobs(lake: Lakehouse, folder: Path) -> None:
    load(lake, folder, Reporter())
    gold_jobs(lake)


def gold_jobs(lake: Lakehouse) -> None:
    monthly(lake, Selection(), Reporter(), dry_run=False)
    performance(lake, Reporter())


def version(lake: Lakehouse, table: Table) -> int:
    logs = Path(str(lake.location(table)), "_delta_log").glob("*.json")
    return max(int(log.stem) for log in logs)


def gold(lake: Lakehouse) -> dict[str, dict[str, Row]]:
    """Every row of every gold table, by table and key, without the description's time."""
    found = {}
    for table, key in (MONTHLY, PRODUCTS, COUNTRIES):
        rows = [row.asDict() for row in lake.read(table).collect()]
        kept = [{n: v for n, v in row.items() if n not in _NOT_COMPARED} for row in rows]
        found[table.name] = {str(row[key]): row for row in kept}
        assert len(found[table.name]) == len(rows), f"a key twice in {table.name}"
    return found


def expected_gold(folder: Path) -> dict[str, dict[str, Row]]:
    """The same from the files, by plain Python."""
    lines = transactions(folder)
    return {
        FACT_SALES_MONTHLY.name: _months(lines),
        FACT_PRODUCT_PERFORMANCE.name: _products(lines),
        FACT_COUNTRY_SALES.name: _countries(lines),
    }


def transactions(folder: Path) -> set[tuple]:
    """Every distinct row of the good files that can be read and whose price is not negative."""
    lines = set()
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8-sig", newline="") as text:
            if next(csv.reader([text.readline().strip()]), None) != HEADER.split(","):
                continue
            for row in csv.reader(text):
                with suppress(ValueError, ArithmeticError):
                    lines.add(_typed(row))
    return {line for line in lines if line[5] >= 0}


def _typed(row):
    invoice, code, description, quantity, time, price, customer, country = row
    time = datetime.strptime(time, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the shop's time
    customer, description = customer.removesuffix(".0"), description.replace("\r\n", "\n")
    return invoice, code, description, int(quantity), time, Decimal(price), customer, country


def _months(lines):
    groups = _grouped(lines, lambda line: f"{line[4]:%Y-%m}")
    return {
        key: {
            "month_key": key,
            "year": int(key[:4]),
            "month": int(key[5:]),
            "active_days": len({line[4].date() for line in group}),
            "products": len({line[1] for line in group}),
            "countries": len({line[7] for line in group}),
            **_measures(group),
        }
        for key, group in groups.items()
    }


def _products(lines):
    totals = _totals(lines, "stock_code", lambda line: line[1])
    for key, group in _grouped(lines, lambda line: line[1]).items():
        described = [(line[4], line[2].strip(" ")) for line in group if line[2].strip(" ")]
        totals[key]["description"] = max(described)[1] if described else None
    return totals


def _countries(lines):
    totals = _totals(lines, "country", lambda line: line[7])
    whole = sum(row["net_revenue"] for row in totals.values())
    for row in totals.values():
        row["net_revenue_share"] = _ratio(row["net_revenue"], whole)
    return totals


def _totals(lines, name, key):
    totals = {}
    for value, group in _grouped(lines, key).items():
        sold = [line[4].date() for line in group if not _is_return(line) and line[3] > 0]
        measures = _measures(group)
        totals[value] = {
            name: value,
            "first_sale_date": min(sold, default=None),
            "last_sale_date": max(sold, default=None),
            **measures,
            "return_rate": _ratio(measures["quantity_returned"], measures["quantity_sold"]),
        }
    for row in totals.values():
        better = (r for r in totals.values() if r["net_revenue"] > row["net_revenue"])
        row["revenue_rank"] = 1 + len(list(better))
    return totals


def _grouped(lines, key):
    groups = defaultdict(list)
    for line in lines:
        groups[key(line)].append(line)
    return groups


def _is_return(line):
    return line[0].startswith("C") or line[3] < 0


def _measures(group):
    sold = [line for line in group if not _is_return(line)]
    returned = [line for line in group if _is_return(line)]
    gross = sum((line[3] * line[5] for line in sold), Decimal(0))
    back = sum((abs(line[3]) * line[5] for line in returned), Decimal(0))
    return {
        "line_count": len(group),
        "quantity_sold": sum(line[3] for line in sold),
        "quantity_returned": sum(abs(line[3]) for line in returned),
        "gross_revenue": gross,
        "returned_revenue": back,
        "net_revenue": gross - back,
    }


def _ratio(part, whole):
    """Rounded half up, away from zero, to six digits."""
    if not whole:
        return None
    millionths = abs(Fraction(part) / Fraction(whole)) * 1_000_000
    digits = (Decimal(millionths.numerator) / Decimal(millionths.denominator)).quantize(
        Decimal(1), ROUND_HALF_UP
    )
    is_negative = (part < 0) != (whole < 0)
    return (-digits if is_negative else digits) / 1_000_000

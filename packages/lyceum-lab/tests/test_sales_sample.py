"""The sample of a shop's transactions."""

import csv
from collections import Counter

import pytest

from lyceum.systems.sales.source import COLUMNS
from lyceum_lab.samples.sales import SalesConfig, SalesSampleError, write_sales


def lines_of(files):
    return [row for file in files for row in csv.DictReader(file.open(encoding="utf-8"))]


def test_a_file_a_trading_day_with_the_traits_of_a_real_shop(tmp_path):
    files = write_sales(SalesConfig(days=14), tmp_path)
    assert [file.name for file in files][:4] == [
        "2010-12-01.csv", "2010-12-02.csv", "2010-12-03.csv", "2010-12-05.csv",
    ]  # fmt: skip
    rows = lines_of(files)
    assert tuple(rows[0]) == COLUMNS
    assert max(Counter(tuple(row.values()) for row in rows).values()) == 2
    assert all((row["InvoiceNo"][0] == "C") == (int(row["Quantity"]) < 0) for row in rows)
    assert any(row["InvoiceNo"].startswith("C") for row in rows)
    assert {"n/a", "-11062.06"} <= {row["UnitPrice"] for row in rows}
    assert "" in {row["CustomerID"] for row in rows}


def test_a_seed_gives_the_same_files_however_many_days(tmp_path):
    short, long = SalesConfig(seed=4, days=2), SalesConfig(seed=4, days=5)
    first = [f.read_bytes() for f in write_sales(short, tmp_path / "a")]
    assert [f.read_bytes() for f in write_sales(long, tmp_path / "b")][:2] == first


def test_a_shop_that_never_opens_is_refused():
    with pytest.raises(SalesSampleError, match=r"expected at least 1 day .* found 0 and 200"):
        SalesConfig(days=0)

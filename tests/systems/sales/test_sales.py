"""The sales system from files to gold, over real Delta."""

import os
import shutil
from pathlib import Path

import pytest
from hostile_lines import LINES, hostile_lines, is_plain, physical_lines, with_ends
from pyspark.sql import functions as F
from sales_lake import (
    FILES,
    HEADER,
    LATE,
    all_jobs,
    expected_gold,
    gold,
    gold_jobs,
    transactions,
    version,
    write_files,
)

from lakes import fresh, lake_in
from lyceum.cli import main
from lyceum.files.lines import records
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.reporter import Reporter
from lyceum.runs.watermarks import WATERMARKS
from lyceum.systems.sales import job_load
from lyceum.systems.sales.bronze import RAW_TRANSACTION_FILES, RAW_TRANSACTIONS
from lyceum.systems.sales.gold.fact_country_sales import FACT_COUNTRY_SALES
from lyceum.systems.sales.gold.fact_product_performance import FACT_PRODUCT_PERFORMANCE
from lyceum.systems.sales.gold.fact_sales_monthly import FACT_SALES_MONTHLY
from lyceum.systems.sales.job_load import load
from lyceum.systems.sales.job_monthly import monthly, reset
from lyceum.systems.sales.job_performance import performance
from lyceum.systems.sales.months import PROCESSED_MONTHS, MonthSelectionError, Selection
from lyceum.systems.sales.silver import FACT_SALES_DAILY, fact_sales_daily
from lyceum.systems.sales.source import write_rows
from pocketlake.observe import followed
from tables import assert_rows

DATA = Path(__file__).parents[3] / "shared" / "data"
ODD_NAME = "b+c, %20é [2].csv"
REAL = Path(os.environ.get("LYCEUM_DATA", DATA)) / "online_retail"
TABLES = (
    RAW_TRANSACTIONS,
    RAW_TRANSACTION_FILES,
    QUARANTINE,
    FACT_SALES_DAILY,
    FACT_SALES_MONTHLY,
    FACT_PRODUCT_PERFORMANCE,
    FACT_COUNTRY_SALES,
    WATERMARKS,
)


class Said(Reporter):
    """Keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.lines, self.tables = [], {}

    def say(self, text):
        self.lines.append(text)

    def table(self, title, _columns, rows):
        self.tables[title] = rows


def versions(lake):
    return {table.name: version(lake, table) for table in TABLES}


def read_during(action):
    """The tables that are read meanwhile."""
    subjects = []
    with followed(lambda kind, subject: subjects.append(subject) if kind == "read" else None):
        action()
    return set(subjects)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("shop"), [n for n in FILES if n != LATE])


@pytest.fixture(scope="module")
def loaded(spark, config, tmp_path_factory, folder):
    """A lakehouse into which everything but the late file was loaded."""
    lake = lake_in(Lakehouse(spark, config), tmp_path_factory.mktemp("sales"))
    all_jobs(lake, folder)
    yield lake
    fresh(lake)


def test_files_become_gold(loaded, folder):
    """Every month, product and country is what plain Python finds in the files."""
    assert gold(loaded) == expected_gold(folder)


def test_what_broke_a_rule_is_in_quarantine_with_it(loaded):
    assert_rows(
        loaded.read(QUARANTINE).where("source_key = '2011-01-30.csv'"),
        """
        system | rule                | severity | record_key | resolved_at
        sales  | negative_unit_price | rejected | 540004     | NULL
        sales  | unreadable_quantity | rejected | 540005     | NULL
        sales  | row_malformed       | rejected | line 7     | NULL
        """,
    )


def test_a_second_run_changes_nothing_and_reads_no_data(loaded, folder):
    """Performance reads all, so that it mends whatever is in its tables."""
    before = versions(loaded)
    read = read_during(lambda: load(loaded, folder, Reporter()))
    read |= read_during(lambda: monthly(loaded, Selection(), Reporter(), dry_run=False))
    performance(loaded, Reporter())
    assert versions(loaded) == before
    assert not read & {RAW_TRANSACTIONS.name, FACT_SALES_DAILY.name}


def test_gold_that_somebody_spoiled_is_mended(loaded, folder):
    """A row too many, one too few, one that is wrong."""
    wrong = loaded.read(FACT_COUNTRY_SALES).where("country <> 'France'")
    spoiled = wrong.replace({"Portugal": "Nowhere"}).withColumn("line_count", F.lit(7))
    loaded.replace(FACT_COUNTRY_SALES, spoiled)
    performance(loaded, Reporter())
    assert gold(loaded) == expected_gold(folder)


def test_late_rows_restate_their_months_and_no_other(loaded, folder):
    """The late file has rows of December and January, and one of a product known before."""
    write_files(folder, [LATE])
    load(loaded, folder, Reporter())
    dry, before = Said(), versions(loaded)
    monthly(loaded, Selection(), dry, dry_run=True)
    assert dry.tables["Months to process"] == [("2010-12", "restated"), ("2011-01", "restated")]
    assert versions(loaded) == before

    only_december = Said()
    monthly(loaded, Selection(2010, 12), only_december, dry_run=False)
    assert only_december.tables["Months processed"] == [("2010-12", "restated")]
    assert_rows(
        loaded.view(PROCESSED_MONTHS).where("processed_at IS NOT NULL"),
        """
        month_key | id     | year | month | status
        2010-12   | 201012 | 2010 | 12    | completed
        2011-01   | 201101 | 2011 | 1     | pending
        2011-02   | 201102 | 2011 | 2     | completed
        """,
    )
    gold_jobs(loaded)
    assert gold(loaded) == expected_gold(folder)
    assert {row.status for row in loaded.view(PROCESSED_MONTHS).collect()} == {"completed"}


def test_a_changed_file_adds_its_new_rows_and_keeps_the_old(loaded, folder):
    """Bad files and bad lines are kept out and named; the others of the load are not stopped."""
    kept = transactions(folder)
    line = "540103,NEW,Mug,1,2011-02-01 10:00:00,1.25,12662.0,Malta"
    (folder / "2011-02-01.csv").write_text(f"{HEADER}\n{line}\n", encoding="utf-8")
    (folder / "headless.csv").write_text(line, encoding="utf-8")
    (folder / "latin [1].csv").write_bytes(
        f"{HEADER}\n{line}\n{line.replace('Malta', 'Curaçao')}".encode("latin-1")
    )
    (folder / ODD_NAME).write_bytes(
        f'\ufeff{HEADER}\r\n540104,NEW,"Mug\r\nred",2,2011-02-01 10:00:00,1.25,,Malta\r\n'.encode()
    )
    load(loaded, folder, Reporter())
    rows = loaded.read(RAW_TRANSACTIONS)
    assert rows.count() == len(kept) + 2
    assert_rows(
        rows.where("stock_code = 'NEW'").selectExpr("*", "length(description) AS size"),
        """
        invoice_no | size | customer_id | country | _source_file
        540103     | 3    | 12662       | Malta   | 2011-02-01.csv
        540104     | 7    | NULL        | Malta   | b+c, %20é [2].csv
        """,
    )
    assert_rows(
        loaded.read(RAW_TRANSACTION_FILES).where("length(file_name) > 14"),
        """
        file_name         | row_count | rejected_count
        2011-01-31-late.csv | 2       | 0
        b+c, %20é [2].csv | 1         | 0
        """,
    )
    assert_rows(
        loaded.read(QUARANTINE).where("source_key <> '2011-01-30.csv'"),
        """
        source_key     | rule                | severity
        2011-02-01.csv | file_changed        | flagged
        headless.csv   | file_without_header | rejected
        latin [1].csv  | row_malformed       | rejected
        """,
    )


def test_reset_asks_and_what_is_reset_is_processed_again(loaded):
    asked, declined, again = [], Said(), Said()
    marks = version(loaded, WATERMARKS)
    reset(loaded, Selection(), declined, confirm=lambda text: bool(asked.append(text)))
    assert asked == ["Forget that 3 months, 2010-12 to 2011-02 were processed?"]
    assert version(loaded, WATERMARKS) == marks

    reset(loaded, Selection(2011, 1), Reporter(), confirm=lambda _: True)
    monthly(loaded, Selection(), again, dry_run=False)
    assert again.tables["Months processed"] == [("2011-01", "new"), ("2011-02", "restated")]
    reset(loaded, Selection(), Reporter(), confirm=lambda _: True)
    assert loaded.view(PROCESSED_MONTHS).isEmpty()


def test_silver_made_anew_is_counted_anew(loaded, folder, tmp_path):
    """Totals of a table that is gone are not added to those of its successor."""
    shutil.rmtree(loaded.location(FACT_SALES_DAILY))
    again = fresh(loaded)
    again.merge(FACT_SALES_DAILY, fact_sales_daily(again.read(RAW_TRANSACTIONS)))
    gold_jobs(again)
    delivered = write_files(tmp_path)
    shutil.copy(folder / "2011-02-01.csv", delivered / "changed.csv")
    shutil.copy(folder / ODD_NAME, delivered)
    assert gold(again) == expected_gold(delivered)


def test_a_month_that_is_gone_from_silver_goes_from_gold(lake, tmp_path):
    """And a version of silver without a changed month is noted, so that nobody compares it again."""
    all_jobs(lake, write_files(tmp_path / "shop"))
    lake.delete(FACT_SALES_DAILY, where="date_key >= 20110201")
    said = Said()
    monthly(lake, Selection(), said, dry_run=False)
    assert said.tables["Months processed"] == [("2011-02", "restated")]
    keys = {row.month_key for row in lake.read(FACT_SALES_MONTHLY).collect()}
    assert keys == {"2010-12", "2011-01"}

    rows = lake.read(FACT_SALES_DAILY)
    lake.replace(FACT_SALES_DAILY, lake.rows(FACT_SALES_DAILY, [tuple(r) for r in rows.collect()]))
    monthly(lake, Selection(), said, dry_run=True)
    monthly(lake, Selection(), said, dry_run=False)
    assert said.lines == ["Every month is processed: there is nothing to do"] * 2
    read = read_during(lambda: monthly(lake, Selection(), said, dry_run=False))
    assert FACT_SALES_DAILY.name not in read


def test_if_the_version_of_the_marks_is_gone_every_month_is_looked_at(lake, tmp_path):
    folder = write_files(tmp_path / "shop", [n for n in FILES if n != LATE])
    all_jobs(lake, folder)
    load(lake, write_files(folder, [LATE]), Reporter())
    lake.compact(FACT_SALES_DAILY)
    lake.vacuum(FACT_SALES_DAILY, retain_hours=0)
    said = Said()
    monthly(lake, Selection(), said, dry_run=False)
    months = ["2010-12", "2011-01", "2011-02"]
    assert said.tables["Months processed"] == [(month, "restated") for month in months]
    performance(lake, Reporter())
    assert gold(lake) == expected_gold(folder)


def test_without_sales_there_is_nothing_to_do(lake):
    said = Said()
    monthly(lake, Selection(), said, dry_run=False)
    performance(lake, said)
    assert said.lines == [
        "Every month is processed: there is nothing to do",
        "No sales are loaded: there is nothing to do",
    ]
    assert lake.tables() == []


def test_every_csv_file_is_loaded_and_what_is_left_alone_is_said(lake, tmp_path):
    """Whatever case its ending has, whatever its name begins with; a broken link is no file."""
    names = ("_x.csv", ".y.csv", "Z.CSV", "a b.csv")
    for number, name in enumerate(names):
        line = f"{number},A,Mug,1,2011-02-01 10:00:00,1.25,1,Malta"
        (tmp_path / "shop" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "shop" / name).write_text(f"{HEADER}\n{line}\n", encoding="utf-8")
    (tmp_path / "shop" / "notes.txt").touch()
    (tmp_path / "shop" / "gone.csv").symlink_to(tmp_path / "nowhere")
    said = Said()
    load(lake, tmp_path / "shop", said)
    assert {row._source_file for row in lake.read(RAW_TRANSACTIONS).collect()} == set(names)
    assert said.lines == ["Left alone, as only *.csv files are loaded: gone.csv, notes.txt"]


def test_a_file_gone_before_it_is_read_is_tried_again(lake, tmp_path, monkeypatch):
    """Gone after its content was hashed: it is in quarantine until it is back."""
    folder = write_files(tmp_path / "shop", ["2010-12-31.csv", "2011-02-01.csv"])
    gone, away = folder / "2011-02-01.csv", tmp_path / "away"

    def write_without(files, target):
        gone.rename(away)
        return write_rows(files, target)

    monkeypatch.setattr(job_load, "write_rows", write_without)
    load(lake, folder, Reporter())
    assert [(r.rule, r.source_key) for r in lake.read(QUARANTINE).collect()] == [
        ("file_unreadable", "2011-02-01.csv")
    ]
    assert [r.file_name for r in lake.read(RAW_TRANSACTION_FILES).collect()] == ["2010-12-31.csv"]
    away.rename(gone)
    monkeypatch.undo()
    load(lake, folder, Reporter())
    assert lake.read(QUARANTINE).where("resolved_at IS NULL").isEmpty()
    assert lake.read(RAW_TRANSACTIONS).count() == len(transactions(folder))


@pytest.mark.soak
def test_no_line_of_a_badly_quoted_file_vanishes(lake, tmp_path):
    """Lines in are rows accepted and lines in quarantine, file by file."""
    tail = "Mug,2,2011-02-01 10:00:00,1.25,1,Malta"
    for seed in range(2):
        text = with_ends([HEADER, *hostile_lines(seed, LINES // 2, tail=tail)], seed)
        (tmp_path / f"{seed}.csv").write_bytes(text.encode(errors="surrogateescape"))
    load(lake, tmp_path, Reporter())
    files = {row.file_name: row for row in lake.read(RAW_TRANSACTION_FILES).collect()}
    bronze = {row.invoice_no for row in lake.read(RAW_TRANSACTIONS).select("invoice_no").collect()}
    kept = lake.read(QUARANTINE).where("rule = 'row_malformed'").groupBy("source_key").count()
    quarantined = {row.source_key: row["count"] for row in kept.collect()}
    assert set(quarantined) == set(files) == {"0.csv", "1.csv"}
    for name, malformed in quarantined.items():
        text = (tmp_path / name).read_bytes().decode(errors="surrogateescape")
        lines = physical_lines(text)
        found = list(records(lines[1:], width=8))
        assert files[name].row_count == len(found)
        assert malformed == sum(record.cells is None for record in found)
        assert malformed <= files[name].rejected_count < len(found)
        plain = {line.split(",")[0] for line in lines[1:] if is_plain(line, 8) and tail in line}
        assert plain <= bronze


def test_a_month_needs_its_year():
    with pytest.raises(MonthSelectionError, match=r"expected --year with --month 3"):
        Selection(month=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["load", "nowhere"], "found no such folder: nowhere"),
        (["load", "tests"], "expected a folder with *.csv files, found a folder without any"),
        (["monthly", "--month", "3"], "expected --year with --month 3, found none: give both"),
        (["monthly", "--month", "13", "--year", "2011"], "Invalid value for '--month'"),
        (["monthly", "--reset"], "expected --yes or a terminal to ask at, found neither"),
    ],
)
def test_wrong_usage_is_one_line(lake, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr("lyceum.context.Context.lakehouse", lambda _: lake)
    assert main(["sales", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the shop's files, see LYCEUM_DATA")
def test_three_months_of_a_real_shop(lake, tmp_path):
    """Every month, product and country is what plain Python finds, in two loads as in one."""
    files = sorted(REAL.glob("*.csv"))
    part = tmp_path / "part"
    part.mkdir()
    for file in files[::2]:
        (part / file.name).symlink_to(file)
    all_jobs(lake, part)
    for file in files[1::2]:
        (part / file.name).symlink_to(file)
    all_jobs(lake, part)
    assert lake.read(RAW_TRANSACTIONS).count() == len(transactions(part)) == 104_360
    assert lake.read(QUARANTINE).isEmpty()
    assert gold(lake) == expected_gold(part)

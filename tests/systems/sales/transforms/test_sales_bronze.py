"""What becomes of the rows of the shop's transaction files."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.quality.rules import broken_rules
from lyceum.systems.sales.bronze import (
    FILE_RULES,
    TRANSACTION_RULES,
    file_counts,
    raw_transactions,
    transaction_records,
)
from lyceum.systems.sales.source import COLUMNS
from tables import assert_rows, draw


def records(spark: SparkSession, text: str) -> DataFrame:
    """Records from drawn rows; a cell `_` is a space, and columns that are not drawn are good."""
    drawn = draw(spark, text)
    good = {
        "InvoiceNo": "1",
        "StockCode": "A",
        "Description": "mug",
        "Quantity": "2",
        "InvoiceDate": "2011-01-04 10:00:00",
        "UnitPrice": "2.50",
        "CustomerID": "17850.0",
        "Country": "France",
        "_source_file": "a.csv",
        "malformed": None,
        "line": "2",
    }
    missing = {name: value for name, value in good.items() if name not in drawn.columns}
    rows = drawn.withColumns({n: F.lit(v).cast("string") for n, v in missing.items()})
    spaced = rows.withColumns({n: F.translate(n, "_", " ") for n in COLUMNS})
    nested = spaced.withColumn("csv", F.struct(*COLUMNS))
    return transaction_records(
        nested, load_id="l1", loaded_at=F.lit("2026-01-01").cast("timestamp")
    )


def test_a_row_is_typed(spark):
    """Texts lose outer spaces, a whole number its `.0`, and a time is one of the shop."""
    found = records(
        spark,
        """
        InvoiceNo | StockCode | Description | Quantity | InvoiceDate         | UnitPrice  | CustomerID | Country
        1         | A         | mug         | 6        | 2010-12-01 08:26:00 | 2.55       | 17850.0    | France
        _2_       | _B_       | _mug_       | _6.0_    | 2011-07-01 00:30:00 | 0.0010     | 17850      | _EIRE_
        3         | C         |             | 6        | 2011-03-27 01:30:00 | 1E+2       |            | France
        4         | D         | mug         | 0        | 2011-10-30 01:30:00 | 99999999.9 | NULL       | France
        C5        | E         | mug         | -1       | 2010-12-01 08:26:00 | 0          | 1          | France
        6         | F         | mug         | -3       | 2010-12-01 08:26:00 | 1          | 1          | France
        C7        | G         | mug         | 3        | 2010-12-01 08:26:00 | 1          | 1          | France
        8         | H         | mug         | 1        | 2010-12-01 08:26:00 | 255e-2     | 1          | France
        """,
    )
    assert_rows(
        raw_transactions(found).withColumn("description", F.translate("description", " ", "_")),
        """
        invoice_no | stock_code | description | quantity | invoice_date        | sale_date  | date_key | unit_price    | customer_id | country | is_return
        1          | A          | mug         | 6        | 2010-12-01 08:26:00 | 2010-12-01 | 20101201 | 2.5500        | 17850       | France  | false
        2          | B          | _mug_       | 6        | 2011-06-30 23:30:00 | 2011-07-01 | 20110701 | 0.0010        | 17850       | EIRE    | false
        3          | C          | NULL        | 6        | 2011-03-27 01:30:00 | 2011-03-27 | 20110327 | 100.0000      | NULL        | France  | false
        4          | D          | mug         | 0        | 2011-10-30 00:30:00 | 2011-10-30 | 20111030 | 99999999.9000 | NULL        | France  | false
        C5         | E          | mug         | -1       | 2010-12-01 08:26:00 | 2010-12-01 | 20101201 | 0.0000        | 1           | France  | true
        6          | F          | mug         | -3       | 2010-12-01 08:26:00 | 2010-12-01 | 20101201 | 1.0000        | 1           | France  | true
        C7         | G          | mug         | 3        | 2010-12-01 08:26:00 | 2010-12-01 | 20101201 | 1.0000        | 1           | France  | true
        8          | H          | mug         | 1        | 2010-12-01 08:26:00 | 2010-12-01 | 20101201 | 2.5500        | 1           | France  | false
        """,
    )
    assert broken_rules(found, rules=TRANSACTION_RULES).isEmpty()


def test_texts_that_one_engine_takes_for_a_value_are_none_on_any(spark):
    """A sign before a year, years without four digits, digits of other scripts, NaN."""
    found = records(
        spark,
        """
        InvoiceNo | Quantity | InvoiceDate           | UnitPrice | broken
        1         | 2        | +2011-01-04 10:00:00  | 1         | unreadable_invoice_date
        2         | 2        | -2011-01-04 10:00:00  | 1         | unreadable_invoice_date
        3         | 2        | 0000-01-04 10:00:00   | 1         | unreadable_invoice_date
        4         | 2        | 12011-01-04 10:00:00  | 1         | unreadable_invoice_date
        5         | 2        | 2011-1-4 10:00:00     | 1         | unreadable_invoice_date
        6         | 2        | 2011-01-04 24:00:00   | 1         | unreadable_invoice_date
        7         | 2        | 2011-01-04 10:00:00Z  | 1         | unreadable_invoice_date
        8         | 2        | 2011-01-04 10:00:00   | १        | unreadable_unit_price
        9         | 2        | 2011-01-04 10:00:00   | NaN       | unreadable_unit_price
        10        | 2        | 2011-01-04 10:00:00   | 1.5d      | unreadable_unit_price
        11        | 2        | 2011-01-04 10:00:00   | 1e8       | unreadable_unit_price
        12        | 2        | 2011-01-04 10:00:00   | 1e-5      | unreadable_unit_price
        13        | 1e2      | 2011-01-04 10:00:00   | 1         | unreadable_quantity
        14        | 1_0      | 2011-01-04 10:00:00   | 1         | unreadable_quantity
        """,
    )
    rules = broken_rules(found, rules=TRANSACTION_RULES).select("record_key", "rule")
    expected = found.select("record_key", "broken")
    assert sorted(rules.collect()) == sorted(expected.collect())


def test_rows_equal_in_all_eight_columns_count_once(spark):
    """The same values in another writing are the same row; one column that differs is another."""
    found = records(
        spark,
        """
        _source_file | InvoiceNo | StockCode | Description | Quantity | InvoiceDate         | UnitPrice | CustomerID | Country
        b.csv        | 1         | A         | mug         | 2        | 2011-01-04 10:00:00 | 2.50      | 7.0        | France
        a.csv        | 1         | A         | mug         | 2.0      | 2011-01-04 10:00:00 | 2.5       | 7          | France
        b.csv        | 1         | A         | mug         | 2        | 2011-01-04 10:00:00 | 2.50      | 7.0        | France
        b.csv        | 2         | A         | mug         | 2        | 2011-01-04 10:00:00 | 2.50      | 7.0        | France
        b.csv        | 1         | B         | mug         | 2        | 2011-01-04 10:00:00 | 2.50      | 7.0        | France
        b.csv        | 1         | A         | cup         | 2        | 2011-01-04 10:00:00 | 2.50      | 7.0        | France
        b.csv        | 1         | A         |             | 2        | 2011-01-04 10:00:00 | 2.50      | 7.0        | France
        b.csv        | 1         | A         | mug         | 3        | 2011-01-04 10:00:00 | 2.50      | 7.0        | France
        b.csv        | 1         | A         | mug         | 2        | 2011-01-04 10:01:00 | 2.50      | 7.0        | France
        b.csv        | 1         | A         | mug         | 2        | 2011-01-04 10:00:00 | 2.51      | 7.0        | France
        b.csv        | 1         | A         | mug         | 2        | 2011-01-04 10:00:00 | 2.50      |            | France
        b.csv        | 1         | A         | mug         | 2        | 2011-01-04 10:00:00 | 2.50      | 7.0        | Spain
        """,
    )
    rows = raw_transactions(found)
    assert rows.count() == 10
    assert rows.select("row_hash").distinct().count() == 10
    assert_rows(
        rows.groupBy("_source_file").count(),
        """
        _source_file | count
        a.csv        | 1
        b.csv        | 9
        """,
    )


def test_a_row_that_breaks_a_rule_is_quarantined_alone(spark):
    found = records(
        spark,
        """
        malformed | InvoiceNo | StockCode | Quantity   | InvoiceDate         | UnitPrice   | CustomerID | Country
        NULL      | good      | A         | 2          | 2011-01-04 10:00:00 | 2.50        | 7.0        | France
        a,b       | NULL      | NULL      | NULL       | NULL                | NULL        | NULL       | NULL
        NULL      | _         | A         | 2          | 2011-01-04 10:00:00 | 2.50        | 7.0        | France
        NULL      | 3         |           | 2          | 2011-01-04 10:00:00 | 2.50        | 7.0        | France
        NULL      | 4         | A         | 2          | 2011-01-04 10:00:00 | 2.50        | 7.0        | NULL
        NULL      | 5         | A         | 2.5        | 2011-01-04 10:00:00 | 2.50        | 7.0        | France
        NULL      | 6         | A         | two        | 2011-01-04 10:00:00 | 2.50        | 7.0        | France
        NULL      | 7         | A         | 3000000000 | 2011-01-04 10:00:00 | 2.50        | 7.0        | France
        NULL      | 8         | A         | 2          | 04/01/2011 10:00    | 2.50        | 7.0        | France
        NULL      | 9         | A         | 2          | 2011-02-30 10:00:00 | 2.50        | 7.0        | France
        NULL      | 10        | A         | 2          | 2011-01-04 10:00:00 | free        | 7.0        | France
        NULL      | 11        | A         | 2          | 2011-01-04 10:00:00 | 0.00001     | 7.0        | France
        NULL      | 12        | A         | 2          | 2011-01-04 10:00:00 | 100000000.0 | 7.0        | France
        NULL      | 13        | A         | 2          | 2011-01-04 10:00:00 | -0.01       | 7.0        | France
        NULL      | 14        | A         | 2          | 2011-01-04 10:00:00 | 2.50        | Smith      | France
        NULL      | 15        | A         | 2          | 2011-01-04 10:00:00 | 1e-5        | 7.0        | France
        NULL      | 16        | A         | 2          | 2011-01-04 10:00:00 | 1e30        | 7.0        | France
        """,
    )
    assert_rows(
        broken_rules(found, rules=TRANSACTION_RULES),
        """
        record_key | rule                    | severity
        line 2     | row_malformed           | rejected
        NULL       | missing_invoice_no      | rejected
        3          | missing_stock_code      | rejected
        4          | missing_country         | rejected
        5          | unreadable_quantity     | rejected
        6          | unreadable_quantity     | rejected
        7          | unreadable_quantity     | rejected
        8          | unreadable_invoice_date | rejected
        9          | unreadable_invoice_date | rejected
        10         | unreadable_unit_price   | rejected
        11         | unreadable_unit_price   | rejected
        12         | unreadable_unit_price   | rejected
        13         | negative_unit_price     | rejected
        14         | unusual_customer_id     | flagged
        15         | unreadable_unit_price   | rejected
        16         | unreadable_unit_price   | rejected
        """,
    )
    assert_rows(
        raw_transactions(found),
        """
        invoice_no
        good
        14
        """,
    )
    assert_rows(
        file_counts(found),
        """
        file_name | date_key | row_count | rejected_count | broken_count
        a.csv     | 20110104 | 14        | 12             | 13
        a.csv     | NULL     | 3         | 3              | 3
        """,
    )


def test_the_row_is_kept_as_it_came(spark):
    found = records(
        spark,
        """
        line | malformed | InvoiceNo | UnitPrice
        7    | a,b       | NULL      | NULL
        8    | NULL      | 2         | -1
        """,
    )
    kept = broken_rules(found, rules=TRANSACTION_RULES).collect()
    raw = {row.record_key: row.raw for row in kept}
    assert raw["line 7"] == "a,b"
    assert raw["2"] == (
        '{"InvoiceNo":"2","StockCode":"A","Description":"mug","Quantity":"2",'
        '"InvoiceDate":"2011-01-04 10:00:00","UnitPrice":"-1","CustomerID":"17850.0",'
        '"Country":"France"}'
    )


def test_a_bad_file_and_a_changed_one_are_told_apart(spark):
    files = draw(
        spark,
        """
        source_key | record_key | position:bigint | raw | load_id | seen_at:timestamp   | problem             | is_changed:boolean
        good       | NULL       | NULL            | x   | l1      | 2026-01-01 00:00:00 | NULL                | false
        changed    | NULL       | NULL            | x   | l1      | 2026-01-01 00:00:00 | NULL                | true
        headless   | NULL       | NULL            | x   | l1      | 2026-01-01 00:00:00 | file_without_header | true
        closed     | NULL       | NULL            | x   | l1      | 2026-01-01 00:00:00 | file_unreadable     | false
        """,
    )
    assert_rows(
        broken_rules(files, rules=FILE_RULES),
        """
        source_key | rule                | severity
        changed    | file_changed        | flagged
        headless   | file_without_header | rejected
        closed     | file_unreadable     | rejected
        """,
    )

"""Every measure of the shop's sales: by day, month, product and country."""

import pytest

from lyceum.systems.sales.gold.fact_country_sales import fact_country_sales
from lyceum.systems.sales.gold.fact_product_performance import (
    fact_product_performance,
    latest_descriptions,
)
from lyceum.systems.sales.gold.fact_sales_monthly import FACT_SALES_MONTHLY, fact_sales_monthly
from lyceum.systems.sales.silver import FACT_SALES_DAILY, fact_sales_daily, month_states
from tables import assert_rows, draw

DAILY = {
    "date_key": "int",
    "sale_date": "date",
    "line_count": "bigint",
    "quantity_sold": "bigint",
    "quantity_returned": "bigint",
    "gross_revenue": "decimal(28,4)",
    "returned_revenue": "decimal(28,4)",
    "net_revenue": "decimal(28,4)",
}


def test_the_lines_of_a_day_are_added_up_by_product_and_country(spark):
    """Returns are positive numbers beside what was sold; net is what remains."""
    transactions = draw(
        spark,
        """
        date_key:int | sale_date:date | stock_code | country | quantity:int | unit_price:decimal(12,4) | is_return:boolean
        20110104     | 2011-01-04     | A          | France  | 3            | 2.5000                   | false
        20110104     | 2011-01-04     | A          | France  | 1            | 0.3333                   | false
        20110104     | 2011-01-04     | A          | France  | -2           | 2.5000                   | true
        20110104     | 2011-01-04     | A          | France  | 4            | 0.1000                   | true
        20110104     | 2011-01-04     | A          | Spain   | 5            | 0.0000                   | false
        20110104     | 2011-01-04     | B          | France  | -2147483648  | 99999999.9999            | true
        20110105     | 2011-01-05     | A          | France  | 0            | 1.0000                   | false
        """,
    )
    assert_rows(
        fact_sales_daily(transactions),
        """
        date_key | sale_date  | stock_code | country | line_count | quantity_sold | quantity_returned | gross_revenue | returned_revenue        | net_revenue
        20110104 | 2011-01-04 | A          | France  | 4          | 4             | 6                 | 7.8333        | 5.4000                  | 2.4333
        20110104 | 2011-01-04 | A          | Spain   | 1          | 5             | 0                 | 0.0000        | 0.0000                  | 0.0000
        20110104 | 2011-01-04 | B          | France  | 1          | 0             | 2147483648        | 0.0000        | 214748364799785251.6352 | -214748364799785251.6352
        20110105 | 2011-01-05 | A          | France  | 1          | 0             | 0                 | 0.0000        | 0.0000                  | 0.0000
        """,
    )


def test_a_month_counts_days_products_and_countries_once(spark):
    daily = draw(
        spark,
        """
        date_key | sale_date  | stock_code | country | line_count | quantity_sold | quantity_returned | gross_revenue | returned_revenue | net_revenue
        20110131 | 2011-01-31 | A          | France  | 2          | 3             | 1                 | 7.5000        | 2.5000           | 5.0000
        20110131 | 2011-01-31 | A          | Spain   | 1          | 1             | 0                 | 2.5000        | 0.0000           | 2.5000
        20110131 | 2011-01-31 | B          | France  | 1          | 0             | 2                 | 0.0000        | 0.0002           | -0.0002
        20110130 | 2011-01-30 | B          | France  | 1          | 1             | 0                 | 0.0001        | 0.0000           | 0.0001
        20110201 | 2011-02-01 | B          | France  | 1          | 1             | 0                 | 0.0001        | 0.0000           | 0.0001
        20101231 | 2010-12-31 | B          | France  | 1          | 1             | 0                 | 0.0001        | 0.0000           | 0.0001
        """,
        DAILY,
    )
    assert_rows(
        fact_sales_monthly(daily),
        """
        month_key | year | month | active_days | products | countries | line_count | quantity_sold | quantity_returned | gross_revenue | returned_revenue | net_revenue
        2011-01   | 2011 | 1     | 2           | 2        | 2         | 5          | 5             | 3                 | 10.0001       | 2.5002           | 7.4999
        2011-02   | 2011 | 2     | 1           | 1        | 1         | 1          | 1             | 0                 | 0.0001        | 0.0000           | 0.0001
        2010-12   | 2010 | 12    | 1           | 1        | 1         | 1          | 1             | 0                 | 0.0001        | 0.0000           | 0.0001
        """,
    )


def test_a_country_has_its_totals_its_share_and_its_rank(spark):
    """Equal revenues share a rank; a country that only returned has no day of sale and no rate."""
    daily = draw(
        spark,
        """
        sale_date  | country | line_count | quantity_sold | quantity_returned | gross_revenue | returned_revenue | net_revenue
        2011-01-04 | France  | 2          | 3             | 1                 | 7.5000        | 2.5000           | 5.0000
        2011-01-05 | France  | 1          | 3             | 1                 | 1.0000        | 0.0000           | 1.0000
        2011-01-06 | France  | 1          | 0             | 0                 | 0.0000        | 0.0000           | 0.0000
        2011-01-04 | Spain   | 1          | 1             | 0                 | 6.0000        | 0.0000           | 6.0000
        2011-01-04 | Norway  | 1          | 0             | 2                 | 0.0000        | 3.0000           | -3.0000
        """,
        DAILY,
    )
    assert_rows(
        fact_country_sales(daily),
        """
        country | first_sale_date | last_sale_date | line_count | quantity_sold | quantity_returned | gross_revenue | returned_revenue | net_revenue | net_revenue_share | return_rate | revenue_rank
        France  | 2011-01-04      | 2011-01-05     | 4          | 6             | 2                 | 8.5000        | 2.5000           | 6.0000      | 0.666667          | 0.333333    | 1
        Spain   | 2011-01-04      | 2011-01-04     | 1          | 1             | 0                 | 6.0000        | 0.0000           | 6.0000      | 0.666667          | 0.000000    | 1
        Norway  | NULL            | NULL           | 1          | 0             | 2                 | 0.0000        | 3.0000           | -3.0000     | -0.333333         | NULL        | 3
        """,
    )


def test_no_revenue_at_all_has_no_shares(spark):
    daily = draw(
        spark,
        """
        sale_date  | country | line_count | quantity_sold | quantity_returned | gross_revenue | returned_revenue | net_revenue
        2011-01-04 | France  | 1          | 1             | 0                 | 2.0000        | 0.0000           | 2.0000
        2011-01-04 | Spain   | 1          | 0             | 1                 | 0.0000        | 2.0000           | -2.0000
        """,
        DAILY,
    )
    assert_rows(
        fact_country_sales(daily),
        """
        country | net_revenue_share | revenue_rank
        France  | NULL              | 1
        Spain   | NULL              | 2
        """,
    )


def test_the_latest_description_that_is_not_empty_counts(spark):
    """Of two at the same time it is the greater text."""
    transactions = draw(
        spark,
        """
        stock_code | invoice_date:timestamp | description
        A          | 2011-01-01 10:00:00    | old
        A          | 2011-01-02 10:00:00    | new
        A          | 2011-01-03 10:00:00    | NULL
        A          | 2011-01-04 10:00:00    |
        B          | 2011-01-01 10:00:00    | blue
        B          | 2011-01-01 10:00:00    | red
        C          | 2011-01-01 10:00:00    | NULL
        """,
    )
    assert_rows(
        latest_descriptions(transactions),
        """
        stock_code | described_at        | description
        A          | 2011-01-02 10:00:00 | new
        B          | 2011-01-01 10:00:00 | red
        """,
    )


def test_a_product_has_its_description_its_totals_and_its_rank(spark):
    """A product that was never described has none."""
    daily = draw(
        spark,
        """
        sale_date  | stock_code | line_count | quantity_sold | quantity_returned | gross_revenue | returned_revenue | net_revenue
        2011-01-04 | A          | 2          | 3             | 2                 | 7.5000        | 2.5000           | 5.0000
        2011-01-03 | A          | 1          | 1             | 0                 | 5.0000        | 0.0000           | 5.0000
        2011-01-05 | B          | 1          | 3             | 0                 | 9.0000        | 0.0000           | 9.0000
        2011-01-06 | C          | 1          | 1             | 0                 | 1.0000        | 0.0000           | 1.0000
        """,
        DAILY,
    )
    transactions = draw(
        spark,
        """
        stock_code | description | invoice_date:timestamp
        A          | mug         | 2011-01-04 10:00:00
        A          | old mug     | 2011-01-03 10:00:00
        B          | cup         | 2011-01-05 10:00:00
        C          | NULL        | 2011-01-06 10:00:00
        """,
    )
    assert_rows(
        fact_product_performance(daily, transactions),
        """
        stock_code | description | described_at        | first_sale_date | last_sale_date | line_count | quantity_sold | quantity_returned | gross_revenue | returned_revenue | net_revenue | return_rate | revenue_rank
        A          | mug         | 2011-01-04 10:00:00 | 2011-01-03      | 2011-01-04     | 3          | 4             | 2                 | 12.5000       | 2.5000           | 10.0000     | 0.500000    | 1
        B          | cup         | 2011-01-05 10:00:00 | 2011-01-05      | 2011-01-05     | 1          | 3             | 0                 | 9.0000        | 0.0000           | 9.0000      | 0.000000    | 2
        C          | NULL        | NULL                | 2011-01-06      | 2011-01-06     | 1          | 1             | 0                 | 1.0000        | 0.0000           | 1.0000      | 0.000000    | 3
        """,
    )


STATES = """
    date_key | sale_date  | stock_code | country | line_count
    20101231 | 2010-12-31 | A          | France  | 1
    20101231 | 2010-12-31 | B          | France  | 2
    20110101 | 2011-01-01 | A          | France  | 1
"""


@pytest.mark.parametrize(
    ("old", "new", "months"),
    [
        ("", "", []),
        ("2011-01-01 | A          | France", "2011-01-01 | A          | Spain ", [201101]),
        ("    20110101 | 2011-01-01 | A          | France  | 1\n", "", [201101]),
        ("| A          | France  | 1\n    20101231 | 2010-12-31 | B          | France  | 2",
         "| A          | France  | 2\n    20101231 | 2010-12-31 | B          | France  | 1", [201012]),
    ],
    ids=["the same", "another value", "a row less", "two values swapped"],
)  # fmt: skip
def test_a_month_has_another_state_as_soon_as_a_row_of_it_has(spark, old, new, months):
    before, after = (
        {tuple(row) for row in month_states(draw(spark, text, DAILY)).collect()}
        for text in (STATES, STATES.replace(old, new))
    )
    assert sorted({month for month, *_ in before ^ after}) == months


def test_silver_and_months_have_the_columns_that_were_asked_for(spark):
    measures = "line_count quantity_sold quantity_returned gross_revenue returned_revenue"
    daily = spark.createDataFrame([], FACT_SALES_DAILY.columns)
    months = spark.createDataFrame([], FACT_SALES_MONTHLY.columns)
    assert " ".join(daily.columns) == (
        f"date_key sale_date stock_code country {measures} net_revenue"
    )
    assert " ".join(months.columns) == (
        f"month_key year month active_days products countries {measures} net_revenue"
    )

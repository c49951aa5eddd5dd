"""Silver brands: the master delivered last counts, and a brand without a name is told."""

from landing_rows import landed

from lyceum.quality.rules import broken_rules
from lyceum.systems.events.silver.lm_brands import BRAND_RULES, brand_records, lm_brands
from lyceum.systems.events.source import BRANDS
from tables import assert_rows


def test_the_master_delivered_last_counts_and_a_missing_name_is_flagged(spark):
    """_n numbers the deliveries; B2 lost its name in the last one."""
    records = brand_records(
        landed(
            spark,
            BRANDS,
            """
            brand_id | brand_name | _n
            b1       | Old name   | 1
            B1       | New  name  | 2
            B2       | Second     | 1
            B2       | NULL       | 3
            NULL     | Nobody's   | 3
            """,
        )
    )
    assert_rows(
        lm_brands(records),
        """
        brand_id | brand_name
        B1       | New  name
        B2       | NULL
        """,
    )
    assert_rows(
        broken_rules(records, rules=BRAND_RULES),
        """
        rule               | severity | source_key | record_key
        brand_without_name | flagged  | brands/f3  | B2
        """,
    )

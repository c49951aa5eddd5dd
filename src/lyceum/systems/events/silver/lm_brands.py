"""Silver: the brands by the master that was delivered last."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.quality.rules import Rule, without_rejected
from lyceum.systems.events.silver.deliveries import PROVENANCE, counting_versions, named_records
from lyceum.systems.events.silver.standard import plain_text
from lyceum.systems.events.source.entities import BRANDS

LM_BRANDS = Table(
    name="silver.lm_brands",
    grain="one row per brand, in the version that was delivered last",
    keys=("brand_id",),
    columns="""
        brand_id STRING COMMENT 'Brand identifier, trimmed, upper case',
        brand_name STRING COMMENT 'Name of the brand; NULL if the master has none'
    """,
)

BRAND_RULES = (
    Rule(
        "brand_without_name",
        "flagged",
        "the master has no name for the brand: key figures show none",
        "brand_name IS NULL",
    ),
)


def brand_records(landing_brands: DataFrame) -> DataFrame:
    """The delivered rows that count, fit for `BRAND_RULES`; a row is as old as its file."""
    named = landing_brands.transform(named_records, entity=BRANDS)
    records = named.select(
        *PROVENANCE,
        F.col("record_key").alias("brand_id"),
        plain_text(F.col("brand_name")).alias("brand_name"),
    )
    return counting_versions(records, modified="_source_modified_at", rules=BRAND_RULES)


def lm_brands(records: DataFrame) -> DataFrame:
    """The version of every brand that counts, one row a brand."""
    return without_rejected(records, rules=BRAND_RULES).select("brand_id", "brand_name")

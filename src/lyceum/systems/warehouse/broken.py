"""What is wrong with rows of the source: kept in quarantine with the rule, as long as it is so."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lyceum.quality.rules import Rule, broken_rules, quarantine_rows
from lyceum.systems.warehouse.gold.days import latest
from lyceum.systems.warehouse.silver import no_name, no_time
from lyceum.systems.warehouse.source.tables import SourceTable

SYSTEM = "etl"


def _no_day(column: str) -> Rule:
    return Rule(
        id=f"no_{column}",
        severity="rejected",
        detail=f"there is no {column}: it is on no day",
        broken=f"{column} IS NULL",
    )


_NO_TIME = no_time("updated_at")
_EARLY_END = Rule(
    id="ends_before_start",
    severity="flagged",
    detail="it ends before it starts: it has no duration",
    broken="ended_at < started_at",
)
_NO_EVENT = Rule(
    id="no_event",
    severity="rejected",
    detail="it was neither shown nor accepted nor dismissed: it is on no day",
    broken="coalesce(shown_at, accepted_at, dismissed_at) IS NULL",
)

SOURCE_RULES = {
    "tenants": (_NO_TIME, no_name("name")),
    "learners": (_NO_TIME, no_name("display_name")),
    "users": (_NO_TIME, no_name("full_name")),
    "subjects": (_NO_TIME, no_name("name")),
    "skills": (_NO_TIME, no_name("name")),
    "learning_sessions": (_no_day("started_at"), _EARLY_END),
    "focus_events": (_no_day("occurred_at"),),
    "homework_submissions": (_no_day("submitted_at"),),
    "recommendations": (_NO_EVENT,),
    "skill_mastery": (_NO_TIME,),
}
"""What rows must not be, by table of the source; a rejected row is in no fact table."""


def broken_rows(versions: DataFrame, source: SourceTable) -> DataFrame:
    """Rows of `ops.quarantine`: what is wrong with the rows of a table as they are now."""
    rules = SOURCE_RULES[source.name]
    is_broken = " OR ".join(f"({rule.broken})" for rule in rules)
    candidates = versions.where(f"NOT _is_deleted AND ({is_broken})").select(*source.keys)
    rows = latest(versions.join(candidates, on=list(source.keys), how="left_semi"), source.keys)
    records = rows.select(
        "*",
        F.lit(source.name).alias("source_key"),
        F.concat_ws("/", *(F.col(key).cast("string") for key in source.keys)).alias("record_key"),
        F.lit(None).cast("bigint").alias("position"),
        F.to_json(F.struct(*source.columns)).alias("raw"),
        F.lit(None).cast("string").alias("load_id"),
        F.col("_snapshot_at").alias("seen_at"),
    )
    return quarantine_rows(broken_rules(records, rules=rules), system=SYSTEM)

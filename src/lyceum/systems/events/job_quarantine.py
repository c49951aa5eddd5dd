"""The quarantine of the event pipeline: what breaks a rule is kept, and resolved when mended."""

from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import keep, open_records
from lyceum.quality.rules import mended_rows
from lyceum.systems.events.silver.lm_broken_rules import LM_BROKEN_RULES, SYSTEM
from pocketlake import Written


def merge_quarantine(lake: Lakehouse, run_id: str) -> Written:
    """Bring the quarantine up to `silver.lm_broken_rules`, which the pipeline has computed."""
    found = lake.read(LM_BROKEN_RULES).select(
        "*",
        F.lit(run_id).alias("load_id"),
        F.lit(None).cast("timestamp").alias("resolved_at"),
    )
    now = F.lit(datetime.now(UTC))
    mended = mended_rows(open_records(lake, SYSTEM), found, system=SYSTEM, at=now)
    return keep(lake, found.unionByName(mended))

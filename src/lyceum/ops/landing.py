"""Publications: what of the landing files has reached silver and gold, and what they were then."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.storage import Lakehouse, append
from lyceum.storage.versions import latest_version
from lyceum.table import Table

LANDING_PUBLICATIONS = Table(
    name="ops.landing_publications",
    grain="one row per run that brought landing files to silver and gold",
    keys=("run_id",),
    columns="""
        run_id STRING NOT NULL COMMENT 'The run, as in etl_job_runs',
        published_at TIMESTAMP NOT NULL COMMENT 'When all tables were written, UTC',
        files ARRAY<STRING> NOT NULL COMMENT 'The prepared files that were new to it',
        versions MAP<STRING,BIGINT> NOT NULL COMMENT 'Version of each table afterwards'
    """,
    cluster_by=(),
)


@dataclass(frozen=True)
class Published:
    """All files that were published, and the tables' versions after the last publication."""

    files: frozenset[str]
    versions: dict[str, int]
    number: int
    """The version of the publications' own table."""


def published(lake: Lakehouse, known: Published | None = None) -> Published:
    """What the publications so far say; what is known spares the query if none came since."""
    number = latest_version(lake, LANDING_PUBLICATIONS)
    if known is not None and known.number == number:
        return known
    rows = lake.read(LANDING_PUBLICATIONS)
    found = rows.agg(
        F.array_distinct(F.flatten(F.collect_list("files"))).alias("files"),
        F.max_by("versions", "published_at").alias("versions"),
    ).collect()[0]
    return Published(frozenset(found.files), dict(found.versions or {}), number)


def record_publication(
    lake: Lakehouse, run_id: str, before: Published, *, files: list[str], versions: dict[str, int]
) -> Published:
    """Remember that the files are in silver and gold, and at which versions these are."""
    row = (run_id, datetime.now(UTC), files, versions)
    frame = lake.spark.createDataFrame([row], LANDING_PUBLICATIONS.columns)
    append(lake, LANDING_PUBLICATIONS, frame)
    number = latest_version(lake, LANDING_PUBLICATIONS)
    return Published(before.files | set(files), versions, number)

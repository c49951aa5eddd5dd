"""Bronze of the landing files: every delivered row of an entity, append-only, all text."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.systems.events.source.entities import ENTITIES, PARTICIPANTS, Entity

_PROVENANCE = """_rescued STRING COMMENT 'JSON of the fields that are not declared',
        _problem STRING COMMENT 'What is wrong with the row, or with the file if _row_number is 0',
        _raw STRING COMMENT 'The row as it came, where it could not be read',
        _source_file STRING COMMENT 'File under the folder of the entity',
        _source_modified_at TIMESTAMP COMMENT 'Modification time of the file, UTC',
        _row_number BIGINT COMMENT 'Line, or row of a Parquet file, from 1; 0: the file',
        _ingested_at TIMESTAMP COMMENT 'When the file was accepted, UTC'
"""


def _table(entity: Entity) -> Table:
    delivered = [f"{column} STRING COMMENT 'As delivered'" for column in entity.columns]
    return Table(
        name=f"bronze.landing_{entity.name}",
        grain=f"one row per delivered row of {entity.name}, and one per file that nobody can read",
        keys=("_source_file", "_source_modified_at", "_row_number"),
        columns=",\n".join([*delivered, _PROVENANCE]),
        cluster_by=(),
        personal=(*entity.personal, "_rescued", "_raw"),
        person=(*entity.personal, "_rescued", "_raw"),
    )


LANDING_TABLES = {entity.name: _table(entity) for entity in ENTITIES}
LANDING_PARTICIPANTS = LANDING_TABLES[PARTICIPANTS.name]


def as_delivered(entity: Entity) -> Column:
    """The row as it came: its fields as JSON, or its text if it could not be read.

    For a whole file that could not be read it is the reason.
    """
    is_file = F.col("_row_number") == 0
    fields = F.to_json(F.struct(*entity.columns, "_rescued"))
    return F.coalesce("_raw", F.when(is_file, F.col("_problem")), fields)

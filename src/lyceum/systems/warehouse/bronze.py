"""Bronze of the warehouse: every version of every row that a sync landed, append-only."""

from lyceum.model.table import Table
from lyceum.systems.warehouse.source.kinds import kind
from lyceum.systems.warehouse.source.tables import SOURCE_TABLES, SourceTable

_META = """_rescued STRING COMMENT 'JSON of the columns that nobody declared',
        _is_deleted BOOLEAN COMMENT 'True if the row was gone from the source',
        _row_hash BIGINT COMMENT 'Hash of the row, by which it is landed once',
        _snapshot_at TIMESTAMP COMMENT 'Instant of the snapshot that showed the row so, UTC'
"""


def _table(source: SourceTable) -> Table:
    columns = [
        f"{name} {kind(k).ddl} COMMENT 'As in the source'" for name, k in source.columns.items()
    ]
    return Table(
        name=f"bronze.oltp_{source.name}",
        grain=f"one row per version of {source.grain}, as a sync found it",
        keys=(*source.keys, "_snapshot_at"),
        columns=",\n".join([*columns, _META]),
        cluster_by=(),
        personal=(*source.keys, *source.personal, "_rescued") if source.personal else (),
        person=source.keys if source.personal else (),
    )


BRONZE = {name: _table(source) for name, source in SOURCE_TABLES.items()}
"""By name of the table in the source."""

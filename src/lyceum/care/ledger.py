"""The ledger of erasures: what was asked and done, without a name."""

from lyceum.model.table import Table, View

ERASURES = Table(
    name="ops.erasures",
    grain="one row per change of state of an erasure; erasure_status has the latest",
    keys=("request_id", "recorded_at"),
    columns="""
        request_id STRING NOT NULL COMMENT 'Keyed hash of the identifier; the key is a secret',
        status STRING NOT NULL COMMENT 'PENDING_PURGE or ERASED',
        reason STRING COMMENT 'Why, as it was given',
        rows_rewritten BIGINT NOT NULL COMMENT 'Rows of tables that named the person, this time',
        files_rewritten BIGINT NOT NULL COMMENT 'Files that named the person, this time',
        files_scanned BIGINT NOT NULL COMMENT 'Files that were looked through, all bytes of them',
        bytes_scanned BIGINT NOT NULL COMMENT 'Their size',
        hits BIGINT NOT NULL COMMENT 'Files in which the person is still named',
        run_id STRING NOT NULL COMMENT 'The run that recorded it',
        recorded_at TIMESTAMP NOT NULL COMMENT 'When it was recorded, UTC'
    """,
    cluster_by=(),
)

ERASURE_STATUS = View(
    name="ops.erasure_status",
    comment="the latest state of every erasure",
    base=ERASURES,
    query="""
        SELECT latest.* FROM (
            SELECT max_by(struct(*), recorded_at) AS latest FROM {base} GROUP BY request_id
        )
    """,
)

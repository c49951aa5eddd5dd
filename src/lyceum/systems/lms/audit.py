"""The LMS audit log: what each load put into bronze, or why it did not."""

from lyceum.model.table import Table

LMS_AUDIT_LOG = Table(
    name="ops.lms_audit_log",
    grain="one row per load and outcome; a load in which some events failed has two",
    keys=("table_name", "load_time", "load_status"),
    columns="""
        table_name STRING NOT NULL COMMENT 'The bronze table that was loaded',
        row_count BIGINT NOT NULL COMMENT 'Rows of the bronze table after the load; -1 on failure',
        load_time TIMESTAMP NOT NULL COMMENT 'When the outcome was known, UTC',
        load_status STRING NOT NULL COMMENT 'SUCCESS or FAILED',
        error_message STRING COMMENT 'What went wrong, for a person'
    """,
    cluster_by=(),
)

"""What is wrong with rows as they are now; what was wrong before is of no interest."""

from lyceum.systems.warehouse.broken import broken_rows
from lyceum.systems.warehouse.source.tables import SOURCE_TABLES
from tables import assert_rows, draw

COLUMNS = {
    "started_at": "timestamp", "ended_at": "timestamp", "_snapshot_at": "timestamp",
    "_is_deleted": "boolean",
}  # fmt: skip


def test_only_the_latest_version_of_a_row_can_be_broken(spark):
    sessions = draw(
        spark,
        """
        id | started_at          | ended_at            | _is_deleted | _snapshot_at
        a  | NULL                | NULL                | false       | 2026-01-05 10:00:00
        b  | NULL                | NULL                | false       | 2026-01-05 10:00:00
        b  | 2026-01-05 08:00:00 | NULL                | false       | 2026-01-05 11:00:00
        c  | NULL                | NULL                | false       | 2026-01-05 10:00:00
        c  | NULL                | NULL                | true        | 2026-01-05 11:00:00
        d  | 2026-01-05 08:00:00 | 2026-01-05 07:00:00 | false       | 2026-01-05 10:00:00
        e  | 2026-01-05 08:00:00 | 2026-01-05 09:00:00 | false       | 2026-01-05 10:00:00
        """,
        COLUMNS,
    )
    source = SOURCE_TABLES["learning_sessions"]
    missing = [name for name in source.columns if name not in sessions.columns]
    versions = sessions.selectExpr("*", *(f"CAST(NULL AS STRING) AS {name}" for name in missing))
    assert_rows(
        broken_rows(versions, source),
        """
        system | rule              | severity | source_key        | record_key | seen_at
        etl    | no_started_at     | rejected | learning_sessions | a          | 2026-01-05 10:00:00
        etl    | ends_before_start | flagged  | learning_sessions | d          | 2026-01-05 10:00:00
        """,
    )

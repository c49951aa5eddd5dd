"""Dimensions: from when to when a version holds, whatever the source says of its times."""

from pyspark.sql import functions as F

from lyceum.systems.warehouse.gold.days import latest
from lyceum.systems.warehouse.gold.dimensions import dim_tenant
from lyceum.systems.warehouse.silver import tenant_changes
from tables import assert_rows, draw


def history(spark, text):
    """Versions of tenants, as AUTO CDC keeps them: `seen` and `ended` are times of snapshots."""
    drawn = draw(spark, text, {"seen": "timestamp", "ended": "timestamp", "updated": "timestamp"})
    end = F.struct(F.col("ended").alias("_snapshot_at"), F.col("ended").alias("_updated_at"))
    return drawn.select(
        "tenant_id",
        "tenant_name",
        F.lit("basic").alias("plan"),
        F.lit(True).alias("is_active"),
        F.struct(F.col("seen").alias("_snapshot_at"), F.col("updated").alias("_updated_at")).alias(
            "__START_AT"
        ),
        F.when(F.col("ended").isNotNull(), end).alias("__END_AT"),
    )


def test_a_version_holds_from_its_update_to_the_next_one(spark):
    versions = history(
        spark,
        """
        tenant_id | tenant_name | seen                | ended               | updated
        t1        | Old         | 2026-01-01 10:00:00 | 2026-01-01 11:00:00 | 2025-06-01 00:00:00
        t1        | New         | 2026-01-01 11:00:00 | NULL                | 2026-01-01 10:40:00
        t2        | Other       | 2026-01-01 10:00:00 | NULL                | 2026-01-01 09:59:00
        """,
    )
    assert_rows(
        dim_tenant(versions),
        """
        tenant_id | tenant_name | effective_from      | effective_to        | is_current
        t1        | Old         | 2025-06-01 00:00:00 | 2026-01-01 10:40:00 | false
        t1        | New         | 2026-01-01 10:40:00 | NULL                | true
        t2        | Other       | 2026-01-01 09:59:00 | NULL                | true
        """,
    )


def test_a_time_that_cannot_be_is_replaced_by_that_of_the_snapshot(spark):
    """Forgotten, older than what was seen before, or in the future: the times still increase."""
    versions = history(
        spark,
        """
        tenant_id | tenant_name | seen                | ended               | updated
        t1        | A           | 2026-01-01 10:00:00 | 2026-01-01 11:00:00 | 2026-01-01 09:00:00
        t1        | forgotten   | 2026-01-01 11:00:00 | 2026-01-01 12:00:00 | 2026-01-01 09:00:00
        t1        | older       | 2026-01-01 12:00:00 | 2026-01-01 13:00:00 | 2020-01-01 00:00:00
        t1        | the future  | 2026-01-01 13:00:00 | NULL                | 2030-01-01 00:00:00
        """,
    )
    assert_rows(
        dim_tenant(versions),
        """
        tenant_name | effective_from      | effective_to        | is_current
        A           | 2026-01-01 09:00:00 | 2026-01-01 11:00:00 | false
        forgotten   | 2026-01-01 11:00:00 | 2026-01-01 12:00:00 | false
        older       | 2026-01-01 12:00:00 | 2026-01-01 13:00:00 | false
        the future  | 2026-01-01 13:00:00 | NULL                | true
        """,
    )


def test_what_was_gone_and_came_back_has_a_gap(spark):
    """It came back with an older time of update, and another one with a new time."""
    versions = history(
        spark,
        """
        tenant_id | tenant_name | seen                | ended               | updated
        t1        | A           | 2026-01-01 10:00:00 | 2026-01-01 11:00:00 | 2026-01-01 09:00:00
        t1        | again       | 2026-01-01 13:00:00 | NULL                | 2026-01-01 08:00:00
        t2        | B           | 2026-01-01 10:00:00 | 2026-01-01 11:00:00 | 2026-01-01 09:00:00
        t2        | again       | 2026-01-01 13:00:00 | 2026-01-01 14:00:00 | 2026-01-01 12:30:00
        """,
    )
    assert_rows(
        dim_tenant(versions),
        """
        tenant_id | tenant_name | effective_from      | effective_to        | is_current
        t1        | A           | 2026-01-01 09:00:00 | 2026-01-01 11:00:00 | false
        t1        | again       | 2026-01-01 13:00:00 | NULL                | true
        t2        | B           | 2026-01-01 09:00:00 | 2026-01-01 11:00:00 | false
        t2        | again       | 2026-01-01 12:30:00 | 2026-01-01 14:00:00 | false
        """,
    )


def test_a_key_follows_from_what_a_row_says(spark):
    """The same on every engine, and another one for another version."""
    versions = history(
        spark,
        """
        tenant_id | tenant_name | seen                | ended               | updated
        t1        | A           | 2026-01-01 10:00:00 | 2026-01-01 11:00:00 | 2026-01-01 09:00:00
        t1        | B           | 2026-01-01 11:00:00 | NULL                | 2026-01-01 10:30:00
        """,
    )
    assert_rows(
        dim_tenant(versions),
        """
        tenant_key           | tenant_name
        3817128156298715575  | A
        8768221299625448450  | B
        """,
    )


TENANTS = {"is_active": "boolean", "_is_deleted": "boolean", "updated_at": "timestamp",
           "deleted_at": "timestamp", "_snapshot_at": "timestamp"}  # fmt: skip


def test_a_change_is_a_version_in_the_words_of_the_dimension(spark):
    """What is switched off or deleted softly is inactive."""
    versions = draw(
        spark,
        """
        id | name | plan | is_active | updated_at          | deleted_at          | _is_deleted | _snapshot_at
        t1 | A    | plus | true      | 2026-01-01 09:00:00 | NULL                | false       | 2026-01-01 10:00:00
        t2 | B    | NULL | false     | NULL                | NULL                | false       | 2026-01-01 10:00:00
        t3 | C    | plus | true      | 2026-01-01 09:00:00 | 2026-01-01 09:00:00 | false       | 2026-01-01 10:00:00
        t4 | NULL | NULL | NULL      | 2026-01-01 10:00:00 | NULL                | true        | 2026-01-01 10:00:00
        """,
        TENANTS,
    )
    assert_rows(
        tenant_changes(versions),
        """
        tenant_id | tenant_name | plan | is_active | _is_deleted | _snapshot_at        | _updated_at
        t1        | A           | plus | true      | false       | 2026-01-01 10:00:00 | 2026-01-01 09:00:00
        t2        | B           | NULL | false     | false       | 2026-01-01 10:00:00 | NULL
        t3        | C           | plus | false     | false       | 2026-01-01 10:00:00 | 2026-01-01 09:00:00
        t4        | NULL        | NULL | NULL      | true        | 2026-01-01 10:00:00 | 2026-01-01 10:00:00
        """,
    )


def test_the_latest_rows_are_those_that_the_source_has_now(spark):
    """Keys may be of several columns; a delete may be followed by a revival."""
    versions = draw(
        spark,
        """
        a | b | value | _is_deleted:boolean | _snapshot_at:timestamp
        1 | x | old   | false               | 2026-01-01 10:00:00
        1 | x | new   | false               | 2026-01-01 11:00:00
        1 | y | gone  | false               | 2026-01-01 10:00:00
        1 | y | NULL  | true                | 2026-01-01 11:00:00
        2 | x | old   | false               | 2026-01-01 10:00:00
        2 | x | NULL  | true                | 2026-01-01 11:00:00
        2 | x | again | false               | 2026-01-01 12:00:00
        """,
    )
    assert_rows(
        latest(versions, ("a", "b")),
        """
        a | b | value
        1 | x | new
        2 | x | again
        """,
    )

"""A sync of a real PostgreSQL lands each version of a row once, and loses none."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from oltp_world import Oltp

from lyceum.systems.warehouse.source import sync as syncing
from lyceum.systems.warehouse.source.tables import SOURCE_TABLES

TENANT = "00000001-0000-4000-8000-000000000000"
LEARNER = "00000002-0000-4000-8000-000000000001"


def test_the_first_sync_lands_every_row_and_the_next_one_none(oltp):
    first = oltp.sync()
    counts = {
        name: oltp.scalar(f"SELECT count(*) FROM {name}") for name in SOURCE_TABLES
    }  # fmt: skip
    assert {name: table.landed for name, table in first.tables.items()} == counts
    assert {name: oltp.landed(name).num_rows for name in SOURCE_TABLES} == counts
    files = oltp.files()
    second = oltp.sync()
    assert oltp.files() == files
    assert {table.fresh for table in second.tables.values()} == {0}


def test_values_arrive_as_they_are_declared(oltp):
    """Infinity, NaN and what no table can hold become NULL; texts, JSON and lists are kept."""
    oltp.run(
        f"""UPDATE tenants SET name = E'Æ, "ö"\\n''s', settings = '{{"a": [1, null]}}',
            created_at = 'infinity', updated_at = '2026-01-31 10:00:00.123456+02',
            deleted_at = '40000-01-01Z' WHERE id = '{TENANT}'""",
        f"UPDATE learners SET interests = ARRAY['a, b', NULL] WHERE id = '{LEARNER}'",
        "UPDATE session_activities SET score = 'NaN' WHERE position = 1",
        "UPDATE session_activities SET score = 7.5 WHERE position = 2",
    )
    oltp.sync()
    tenant = oltp.current("tenants")[(TENANT,)]
    assert tenant["name"] == 'Æ, "ö"\n\'s'
    assert tenant["settings"] == '{"a": [1, null]}'
    assert tenant["created_at"] is None
    assert tenant["deleted_at"] is None
    assert tenant["updated_at"] == datetime(2026, 1, 31, 8, 0, 0, 123456, UTC)
    assert oltp.current("learners")[(LEARNER,)]["interests"] == '["a, b",null]'
    assert oltp.current("users")[("00000003-0000-4000-8000-000000000000",)]["role"] == "teacher"
    scores = {row["position"]: row["score"] for row in oltp.rows("session_activities")}
    assert (scores[1], scores[2]) == (None, Decimal("7.50"))


def test_only_rows_that_changed_are_landed_again(oltp):
    """A row that was written without a change is read, but not landed."""
    oltp.sync()
    oltp.run("UPDATE learners SET locale = locale")
    oltp.run(f"UPDATE learners SET grade_level = 99 WHERE id = '{LEARNER}'")
    found = oltp.sync().tables["learners"]
    assert (found.fresh, found.landed) == (20, 1)
    assert oltp.current("learners")[(LEARNER,)]["grade_level"] == 99


def test_what_commits_after_the_sync_began_is_not_lost(oltp):
    """The open transaction has an old `updated_at`, and writes in a savepoint too."""
    with oltp.postgres.connect(oltp.database) as other:
        other.autocommit = False
        other.execute(f"UPDATE learners SET grade_level = 98 WHERE id = '{LEARNER}'")
        other.execute("SAVEPOINT inner_one")
        other.execute(f"UPDATE tenants SET plan = 'late' WHERE id = '{TENANT}'")
        other.execute("RELEASE inner_one")
        # A later one commits first, so that a watermark would pass the open one by.
        oltp.run("UPDATE learners SET grade_level = 97, updated_at = now() WHERE locale = 'en'")
        oltp.sync()
        other.commit()
    oltp.sync()
    assert oltp.current("learners")[(LEARNER,)]["grade_level"] == 98
    assert oltp.current("tenants")[(TENANT,)]["plan"] == "late"
    again = oltp.sync()
    assert {table.landed for table in again.tables.values()} == {0}


def test_all_tables_show_one_instant(oltp):
    """A client writes the same number into two tables, in one transaction after another."""
    is_over = threading.Event()

    def write() -> None:
        with oltp.postgres.connect(oltp.database) as other:
            number = 0
            while not is_over.is_set():
                number += 1
                with other.transaction():
                    other.execute("UPDATE tenants SET plan = %s", [str(number)])
                    other.execute("UPDATE skill_mastery SET attempts = %s", [number])

    client = threading.Thread(target=write)
    client.start()
    try:
        for _ in range(3):
            oltp.sync("tenants", "skill_mastery")
            plans = {row["plan"] for row in oltp.current("tenants").values()}
            attempts = {str(row["attempts"]) for row in oltp.current("skill_mastery").values()}
            assert plans == attempts
            assert len(plans) == 1
    finally:
        is_over.set()
        client.join()


def test_rows_that_are_gone_are_landed_as_deletes_and_may_come_back(oltp):
    """Also if they come back with an older time of update, and with keys of two columns."""
    oltp.sync()
    oltp.run(
        f"CREATE TABLE kept AS SELECT * FROM skill_mastery WHERE learner_id = '{LEARNER}'",
        f"DELETE FROM skill_mastery WHERE learner_id = '{LEARNER}'",
        f"DELETE FROM learners WHERE id = '{LEARNER}'",
    )
    gone = oltp.sync()
    assert (gone.tables["learners"].deleted, gone.tables["skill_mastery"].deleted) == (1, 6)
    assert (LEARNER,) not in oltp.current("learners")
    deleted = [row for row in oltp.rows("skill_mastery") if row["_is_deleted"]]
    assert {row["learner_id"] for row in deleted} == {LEARNER}
    assert {row["updated_at"] for row in deleted} == {gone.snapshot_at}
    oltp.run("INSERT INTO skill_mastery SELECT * FROM kept")
    assert oltp.sync().tables["skill_mastery"].landed == 6
    assert len([key for key in oltp.current("skill_mastery") if key[0] == LEARNER]) == 6


def test_a_key_that_goes_while_another_comes_is_found(oltp):
    """The number of rows tells nothing then."""
    oltp.sync()
    oltp.run("UPDATE subjects SET code = 'maths' WHERE code = 'math'")
    found = oltp.sync().tables["subjects"]
    assert (found.landed, found.deleted) == (1, 1)
    assert ("maths",) in oltp.current("subjects")
    assert ("math",) not in oltp.current("subjects")


def test_a_large_table_is_read_in_slices_a_file_each(oltp, monkeypatch):
    monkeypatch.setattr(syncing, "_ROWS_A_SLICE", 60)
    oltp.run("CREATE TABLE more AS SELECT * FROM focus_events")
    oltp.run("INSERT INTO focus_events SELECT id + 1000000, session_id, learner_id, kind, "
             "occurred_at, duration_ms, updated_at FROM more")  # fmt: skip
    count = oltp.scalar("SELECT count(*) FROM focus_events")
    assert oltp.sync("focus_events").tables["focus_events"].landed == count
    assert len(oltp.current("focus_events")) == oltp.landed("focus_events").num_rows == count
    assert len(oltp.files()) > 1
    assert oltp.sync("focus_events").tables["focus_events"].fresh == 0


def test_after_a_restore_all_rows_are_read_and_none_is_landed_twice(oltp):
    oltp.sync()
    oltp.close()
    restored = Oltp.copied(oltp.postgres, oltp.folder, oltp.database)
    restored.run(f"UPDATE learners SET grade_level = 96 WHERE id = '{LEARNER}'")
    found = restored.sync().tables
    restored.close()
    assert found["learners"].fresh == 20
    assert {name: table.landed for name, table in found.items() if table.landed} == {"learners": 1}


@pytest.mark.parametrize("days", [0, -1])
def test_snapshots_follow_each_other_whatever_the_servers_clock_says(oltp, days):
    """A server that takes over may have an older time."""
    first = oltp.sync("tenants")
    state = oltp.folder / "state.json"
    later = first.snapshot_at.replace(year=first.snapshot_at.year + 1 + days)
    text = state.read_text().replace(first.snapshot_at.isoformat(), later.isoformat())
    state.write_text(text)
    assert oltp.sync("tenants").snapshot_at > later


def test_a_state_that_broke_off_while_it_was_written_is_the_one_beside_it(oltp):
    """On a volume a file is written from start to end; who is killed may leave a part of it."""
    oltp.sync("tenants")
    state = oltp.folder / "state.json"
    whole = state.read_text()
    state.write_text(whole[: len(whole) // 2])
    found = oltp.sync("tenants").tables["tenants"]
    assert (found.landed, found.deleted) == (0, 0)
    assert state.read_text().startswith("{")

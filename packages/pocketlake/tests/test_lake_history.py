"""Versions, history, size, upkeep, names; and what several threads may do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from contract_lakes import ENGINE, THINGS, Table, things, tuples, version_of

from pocketlake import DeclarationError, Lake
from pocketlake.observe import followed

HOUR = timedelta(hours=1)


@pytest.fixture
def written(lake: Lake) -> Lake:
    """Three versions after the first: an append, a merge, a delete."""
    lake.ensure(THINGS)
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    lake.merge(THINGS, things(lake, ("a", 2, 1), ("b", 2, 1)))
    lake.delete(THINGS, where="k = 'a'")
    return lake


def test_an_absent_table_has_no_version(lake: Lake) -> None:
    assert lake.version(THINGS) is None
    assert lake.tables() == []


def test_a_table_reads_as_it_was_at_each_version(written: Lake) -> None:
    last = version_of(written, THINGS)
    states = [tuples(written.read(THINGS, version=last - back)) for back in range(4)]
    assert states == [[("b", 2, 1)], [("a", 2, 1), ("b", 2, 1)], [("a", 1, 1)], []]
    assert tuples(written.read(THINGS)) == states[0]


def test_history_is_newest_first_and_limited(written: Lake) -> None:
    last = version_of(written, THINGS)
    commits = written.history(THINGS, limit=3)
    assert [c.version for c in commits] == [last, last - 1, last - 2]
    assert [c.operation for c in commits] == ["DELETE", "MERGE", "WRITE"]
    moments = [c.timestamp for c in commits]
    assert moments == sorted(moments, reverse=True)
    assert all(abs(datetime.now(UTC) - moment) < HOUR for moment in moments)


def test_facts_of_an_empty_table_and_of_one_with_rows(lake: Lake) -> None:
    lake.ensure(THINGS)
    empty = lake.facts(THINGS)
    assert (empty.bytes, empty.files, empty.version) == (0, 0, version_of(lake, THINGS))
    assert abs(datetime.now(UTC) - empty.modified_at) < HOUR
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    full = lake.facts(THINGS)
    assert full.bytes > 0
    assert full.files > 0
    assert full.version == empty.version + 1


def test_a_table_made_anew_has_another_id(lake: Lake) -> None:
    import shutil

    lake.append(THINGS, things(lake, ("a", 1, 1)))
    first = lake.version(THINGS)
    shutil.rmtree(lake.location(THINGS))
    again = Lake(lake.spark, kind=lake.kind, warehouse=lake.warehouse, schemas={"silver": "anew"})
    again.append(THINGS, things(again, ("b", 1, 1)))
    assert again.version(THINGS).table_id != first.table_id


def test_compact_and_vacuum_leave_the_rows_and_fewer_files(lake: Lake) -> None:
    for number in range(6):
        lake.append(THINGS, things(lake, (f"k{number}", number, 0)))
    rows = tuples(lake.read(THINGS))
    lake.compact(THINGS)
    assert lake.facts(THINGS).files == 1
    lake.vacuum(THINGS)
    folder = Path(lake.location(THINGS))
    assert len(list(folder.glob("*.parquet"))) > 1
    lake.vacuum(THINGS, retain_hours=0)
    assert len(list(folder.glob("*.parquet"))) == 1
    assert tuples(lake.read(THINGS)) == rows


def test_the_log_of_many_commits_is_written_together(lake: Lake) -> None:
    """A ledger has thousands of commits: opening it must not read them all."""
    for number in range(105 if ENGINE == "embedded" else 12):
        lake.append(THINGS, things(lake, (f"k{number}", number, 0)))
    assert (Path(lake.location(THINGS)) / "_delta_log" / "_last_checkpoint").exists()


def test_tables_are_listed_by_schema_and_name_and_attached_by_them(written: Lake) -> None:
    other = Table("silver.other", "k STRING")
    written.append(other, written.rows(other, [("x",)]))
    schema = written._schemas["silver"]
    assert written.tables() == [(schema, "other"), (schema, "things")]
    fresh = Lake(written.spark, kind=written.kind, warehouse=written.warehouse)
    fresh.attach(written.tables())
    assert tuples(written.spark.sql(f"SELECT * FROM {fresh.catalog}.{schema}.other")) == [("x",)]


@pytest.mark.parametrize("name", ["silver.th`ings", "silver.th ings", "silver.", "things"])
def test_a_name_that_is_no_name_is_refused(lake: Lake, name: str) -> None:
    with pytest.raises(DeclarationError, match="expected an identifier"):
        lake.name(Table(name, "k STRING"))


def test_a_column_that_delta_could_not_have_is_refused(lake: Lake) -> None:
    with pytest.raises(DeclarationError, match="found 'a b'"):
        lake.ensure(Table("silver.columns", "k STRING, `a b` INT"))


def test_threads_make_read_and_write_tables_of_one_lake_together(lake: Lake) -> None:
    tables = [Table(f"silver.t{number % 3}", "k STRING, n INT") for number in range(12)]

    def work(number: int) -> None:
        table = tables[number]
        lake.ensure(table)
        lake.append(table, lake.rows(table, [(f"k{number}", number)]))
        assert lake.read(table).count() > 0

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(len(tables))))
    assert [lake.read(table).count() for table in tables[:3]] == [4, 4, 4]


def test_a_listener_hears_the_steps_of_its_context_and_may_stop_them(lake: Lake) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    heard = []
    with followed(lambda kind, subject: heard.append((kind, subject))):
        lake.append(THINGS, lake.read(THINGS))
    lake.read(THINGS)
    assert heard == [
        ("read", "silver.things"), ("writing", "silver.things"), ("written", "silver.things"),
    ]  # fmt: skip

    def stop(kind: str, _subject: str) -> None:
        if kind == "writing":
            raise RuntimeError(kind)

    with followed(stop), pytest.raises(RuntimeError):
        lake.append(THINGS, things(lake, ("b", 1, 1)))
    assert lake.read(THINGS).count() == 2


def test_a_vacuum_deletes_what_it_was_said_to_and_then_nothing(lake: Lake) -> None:
    for number in range(3):
        lake.append(THINGS, things(lake, (f"k{number}", number, 1)), once=("app", number))
    lake.delete(THINGS, where="k = 'k1'")
    assert lake.stale(THINGS).is_nothing
    found = lake.stale(THINGS, retain_hours=0)
    assert found.files > 0
    assert found.bytes > 0
    lake.vacuum(THINGS, retain_hours=0)
    assert lake.stale(THINGS, retain_hours=0).files == 0
    assert len(tuples(lake.read(THINGS))) == 2
    assert not lake.append(THINGS, things(lake, ("again", 1, 1)), once=("app", 2))


@pytest.mark.skipif(ENGINE == "spark", reason="Delta cuts the log by itself, after its own time")
def test_a_vacuum_leaves_no_byte_of_a_row_that_is_gone(lake: Lake) -> None:
    """The log, too, has the least and the greatest value of each file."""
    lake.append(THINGS, things(lake, ("somebody", 1, 1), ("k2", 1, 1)))
    lake.merge(THINGS, things(lake, ("k3", 1, 1)))
    lake.delete(THINGS, where="k = 'somebody'")
    lake.vacuum(THINGS, retain_hours=0)
    files = [f for f in Path(str(lake.location(THINGS))).rglob("*") if f.is_file()]
    assert [f.name for f in files if b"somebody" in f.read_bytes()] == []
    before = version_of(lake, THINGS)
    lake.vacuum(THINGS, retain_hours=0)
    assert version_of(lake, THINGS) == before
    assert lake.read(THINGS).count() == 2


def test_an_earlier_version_becomes_the_present_one(written: Lake) -> None:
    last = version_of(written, THINGS)
    written.restore(THINGS, version=last - 2)
    assert tuples(written.read(THINGS)) == [("a", 1, 1)]
    assert version_of(written, THINGS) == last + 1

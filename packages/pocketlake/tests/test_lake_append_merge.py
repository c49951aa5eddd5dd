"""Append and merge: what each promises, on whichever engine runs the tests."""

import pytest
from contract_lakes import ENGINE, THINGS, Table, things, tuples, version_of
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pocketlake import DuplicateKeysError, Lake, LakeError, MisfitError, NotNullError, Written

PAIRS = Table("silver.pairs", "k STRING, part INT, n INT", keys=("k", "part"))


def test_append_creates_the_table_and_keeps_what_is_there(lake: Lake) -> None:
    assert lake.append(THINGS, things(lake, ("a", 1, None)))
    assert lake.append(THINGS, things(lake, ("a", 1, None), ("b", 2, 3)))
    assert tuples(lake.read(THINGS)) == [("a", 1, None), ("a", 1, None), ("b", 2, 3)]


@pytest.mark.parametrize("version", [0, 1, 5])
def test_an_append_once_is_left_out_when_it_or_a_later_one_is_there(
    lake: Lake, version: int
) -> None:
    rows = things(lake, ("a", 1, 1))
    assert lake.append(THINGS, rows, once=("delivery", version))
    before = version_of(lake, THINGS)
    assert not lake.append(THINGS, rows, once=("delivery", version))
    if version:
        assert not lake.append(THINGS, rows, once=("delivery", version - 1))
    assert version_of(lake, THINGS) == before
    assert lake.append(THINGS, rows, once=("delivery", version + 1))
    assert lake.append(THINGS, rows, once=("another", 1))
    assert lake.read(THINGS).count() == 3


def test_merge_inserts_updates_and_counts(lake: Lake) -> None:
    first = lake.merge(THINGS, things(lake, ("a", 1, 1), ("b", 2, 2)))
    second = lake.merge(THINGS, things(lake, ("b", 2, None), ("a", 1, 1), ("c", 3, 3)))
    assert (first, second) == (Written(inserted=2), Written(inserted=1, updated=1))
    assert tuples(lake.read(THINGS)) == [("a", 1, 1), ("b", 2, None), ("c", 3, 3)]


def test_a_merge_without_news_makes_no_version(lake: Lake) -> None:
    lake.merge(THINGS, things(lake, ("a", 1, None), ("b", None, 2)))
    before = version_of(lake, THINGS)
    assert lake.merge(THINGS, things(lake, ("b", None, 2))).is_nothing
    assert lake.merge(
        THINGS, things(lake, ("a", 1, None), ("b", None, 2)), delete="true"
    ).is_nothing
    assert lake.merge(THINGS, things(lake)).is_nothing
    assert version_of(lake, THINGS) == before


def test_null_is_a_value_of_a_key(lake: Lake) -> None:
    lake.merge(PAIRS, lake.rows(PAIRS, [(None, 1, 1), ("a", None, 1), (None, None, 1)]))
    written = lake.merge(PAIRS, lake.rows(PAIRS, [(None, 1, 2), (None, None, 1), ("b", 1, 1)]))
    assert written == Written(inserted=1, updated=1)
    assert tuples(lake.read(PAIRS)) == [
        ("a", None, 1), ("b", 1, 1), (None, 1, 2), (None, None, 1),
    ]  # fmt: skip


def test_rows_far_from_those_of_the_table_are_merged_alike(lake: Lake) -> None:
    """The engine may look only at the range of whole numbers that the rows have."""
    days = Table("silver.days", "day INT, id BIGINT, n INT", keys=("day", "id"))
    for day in (3, 1, -2):
        lake.merge(days, lake.rows(days, [(day, 2**40 + day, 0), (day, None, 0)]))
    rows = [(3, 2**40 + 3, 1), (1, 2**40 + 1, 0), (1, 7, 1), (9, 9, 1)]
    assert lake.merge(days, lake.rows(days, rows)) == Written(inserted=2, updated=1)
    assert lake.merge(days, lake.rows(days, [(1, None, 1)])) == Written(updated=1)
    assert lake.merge(days, lake.rows(days, [(None, None, 1)])) == Written(inserted=1)
    assert lake.merge(days, lake.rows(days, [(None, None, 2), (3, None, 0)])) == Written(updated=1)
    assert tuples(lake.read(days)) == sorted(
        [*rows, (-2, 2**40 - 2, 0), (-2, None, 0), (1, None, 1), (3, None, 0), (None, None, 2)],
        key=repr,
    )


def test_a_table_of_keys_alone_is_merged(lake: Lake) -> None:
    keys = Table("silver.keys", "k STRING")
    assert lake.merge(keys, lake.rows(keys, [("a",)])) == Written(inserted=1)
    assert lake.merge(keys, lake.rows(keys, [("a",), ("b",)])) == Written(inserted=1)


def test_a_row_that_differs_only_in_columns_left_aside_is_as_it_was(lake: Lake) -> None:
    lake.merge(THINGS, things(lake, ("a", 1, 1), ("b", 1, 1)))
    before = version_of(lake, THINGS)
    assert lake.merge(THINGS, things(lake, ("a", 1, 2)), unless_only=["m"]).is_nothing
    assert version_of(lake, THINGS) == before
    written = lake.merge(THINGS, things(lake, ("a", 1, 2), ("b", 2, 2)), unless_only=["m"])
    assert written == Written(updated=1)
    assert tuples(lake.read(THINGS)) == [("a", 1, 1), ("b", 2, 2)]


def test_the_delete_clause_deletes_what_matches_and_is_not_among_the_rows(lake: Lake) -> None:
    lake.merge(THINGS, things(lake, ("a", 1, 1), ("b", 5, 1), ("c", None, 1), ("d", 9, 1)))
    written = lake.merge(THINGS, things(lake, ("d", 9, 1)), delete="n >= :n", args={"n": 5})
    assert written == Written(deleted=1)
    assert tuples(lake.read(THINGS)) == [("a", 1, 1), ("c", None, 1), ("d", 9, 1)]
    assert lake.merge(THINGS, things(lake, ("z", 0, 0)), delete="true") == Written(
        inserted=1, deleted=3
    )
    assert lake.merge(THINGS, things(lake), delete="true") == Written(deleted=1)
    assert tuples(lake.read(THINGS)) == []


def test_a_merge_that_deletes_sees_a_value_that_moved_to_its_neighbour(lake: Lake) -> None:
    """NULL counts in what is compared."""
    lake.merge(THINGS, things(lake, ("a", 1, None), ("b", 2, None)))
    before = version_of(lake, THINGS)
    assert lake.merge(THINGS, things(lake, ("a", 1, None)), delete="n = 7").is_nothing
    assert version_of(lake, THINGS) == before
    written = lake.merge(THINGS, things(lake, ("a", None, 1)), delete="true")
    assert written == Written(updated=1, deleted=1)
    assert tuples(lake.read(THINGS)) == [("a", None, 1)]


def test_two_rows_of_one_key_are_refused_before_the_table_is_touched(lake: Lake) -> None:
    lake.merge(THINGS, things(lake, ("a", 1, 1)))
    before = version_of(lake, THINGS)
    secret = "someone@example.org"
    with pytest.raises(DuplicateKeysError) as raised:
        lake.merge(THINGS, things(lake, (secret, 1, 1), (secret, 1, 1), ("b", 1, 1)))
    assert str(raised.value) == (
        "expected one row a key to merge into silver.things, found 2 rows with one k"
    )
    assert version_of(lake, THINGS) == before
    with pytest.raises(DuplicateKeysError):
        lake.merge(PAIRS, lake.rows(PAIRS, [(None, None, 1), (None, None, 2)]))


@pytest.mark.parametrize("writer", ["append", "merge", "replace"])
def test_null_in_a_declared_not_null_column_writes_nothing(lake: Lake, writer: str) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    before = version_of(lake, THINGS)
    with pytest.raises(NotNullError) as raised:
        getattr(lake, writer)(THINGS, things(lake, ("b", 1, 1), (None, 1, 1)))
    assert str(raised.value) == "expected a value in k, found NULL: it is declared NOT NULL"
    assert version_of(lake, THINGS) == before


@pytest.mark.parametrize("writer", ["append", "merge", "replace"])
def test_columns_are_taken_by_name_and_others_dropped(lake: Lake, writer: str) -> None:
    rows = things(lake, ("a", 1, 2)).select("m", F.lit("more").alias("extra"), "k", "n")
    getattr(lake, writer)(THINGS, rows)
    assert lake.read(THINGS).columns == ["k", "n", "m"]
    assert tuples(lake.read(THINGS)) == [("a", 1, 2)]


@pytest.mark.parametrize("writer", ["append", "merge", "replace"])
def test_rows_without_a_declared_column_are_refused_in_one_line(lake: Lake, writer: str) -> None:
    lake.ensure(THINGS)
    before = version_of(lake, THINGS)
    with pytest.raises(MisfitError) as raised:
        getattr(lake, writer)(THINGS, things(lake, ("a", 1, 2)).drop("n", "m"))
    assert str(raised.value) == "expected rows with the columns of silver.things, found no n, m"
    assert version_of(lake, THINGS) == before


@pytest.mark.parametrize("writer", ["append", "merge", "replace"])
def test_a_value_that_does_not_fit_its_column_is_refused_and_not_shown(
    lake: Lake, writer: str
) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    before = version_of(lake, THINGS)
    big = things(lake, ("b", 1, 1)).withColumn("n", F.lit(77_777_777_777))
    with pytest.raises(LakeError) as raised:
        getattr(lake, writer)(THINGS, big)
    assert "77777777777" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert version_of(lake, THINGS) == before


def test_an_error_of_the_query_reaches_the_caller_as_it_is(lake: Lake) -> None:
    from pyspark.errors import PySparkException

    broken = things(lake, ("a", 1, 1)).withColumn(
        "n", F.raise_error(F.lit("of our own")).cast("int")
    )
    for writer in (lake.append, lake.merge, lake.replace):
        with pytest.raises(PySparkException, match="of our own"):
            writer(THINGS, broken)
    assert tuples(lake.read(THINGS)) == []


def test_rows_read_from_the_table_itself_are_written_back(lake: Lake) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1), ("b", 2, 2)))
    more = lake.read(THINGS).withColumn("n", F.col("n") + 1)
    assert lake.merge(THINGS, more) == Written(updated=2)
    lake.replace(THINGS, lake.read(THINGS).where("n > 2"))
    assert tuples(lake.read(THINGS)) == [("b", 3, 2)]


@pytest.mark.skipif(ENGINE != "embedded", reason="Spark holds a lock meanwhile")
def test_a_first_merge_keeps_what_another_one_wrote_meanwhile(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both saw the table empty: the slower one conflicts, and tries again as a merge."""
    from pocketlake import embedded

    lake.ensure(THINGS)
    opened, others = embedded.writable, [things(lake, ("b", 2, 2))]

    def opened_before_another_wrote(place):
        table = opened(place)
        if others:
            lake.merge(THINGS, others.pop())
        return table

    monkeypatch.setattr(embedded, "writable", opened_before_another_wrote)
    assert lake.merge(THINGS, things(lake, ("a", 1, 1))) == Written(inserted=1)
    assert tuples(lake.read(THINGS)) == [("a", 1, 1), ("b", 2, 2)]


def test_a_merge_deletes_the_rows_that_it_is_told_to(lake: Lake) -> None:
    def told(*rows: tuple[str, int | None, int | None, bool]) -> DataFrame:
        return lake.spark.createDataFrame(list(rows), "k STRING, n INT, m INT, gone BOOLEAN")

    first = lake.merge(THINGS, told(("a", 1, 1, False), ("b", 2, 2, True)), deleted="gone")
    assert first == Written(inserted=1)
    more = told(("a", 1, 1, True), ("b", 2, 2, False), ("c", 3, 3, True))
    assert lake.merge(THINGS, more, deleted="gone") == Written(inserted=1, deleted=1)
    before = version_of(lake, THINGS)
    again = told(("a", 1, 1, True), ("b", 2, 2, False))
    assert lake.merge(THINGS, again, deleted="gone").is_nothing
    assert version_of(lake, THINGS) == before
    assert tuples(lake.read(THINGS)) == [("b", 2, 2)]


def test_a_key_may_be_a_struct(lake: Lake) -> None:
    table = Table("silver.spans", "k STRING, at STRUCT<day: INT, n: INT>, m INT", keys=("k", "at"))
    lake.merge(table, lake.rows(table, [("a", (1, 1), 1), ("a", (1, None), 1), ("a", (2, 1), 1)]))
    more = lake.rows(table, [("a", (1, 1), 2), ("a", (1, None), 1), ("a", (3, 1), 1)])
    assert lake.merge(table, more) == Written(inserted=1, updated=1)


def test_the_rows_that_versions_appended_are_read_from_their_files(lake: Lake) -> None:
    lake.append(THINGS, things(lake, ("a", 1, 1)))
    since = version_of(lake, THINGS)
    lake.append(THINGS, things(lake, ("b", 2, None)))
    lake.compact(THINGS)
    lake.append(THINGS, things(lake, ("c", None, 3)))
    until = version_of(lake, THINGS)
    added = lake.added(THINGS, since=since, until=until)
    assert added is not None
    assert tuples(added) == [("b", 2, None), ("c", None, 3)]
    none = lake.added(THINGS, since=until, until=until)
    assert none is not None
    assert tuples(none) == []

    lake.merge(THINGS, things(lake, ("b", 9, 9)))
    lake.append(THINGS, things(lake, ("d", 4, 4)))
    last = version_of(lake, THINGS)
    assert lake.added(THINGS, since=since, until=last) is None
    skipped = lake.added(THINGS, since=until, until=last, skip_changes=True)
    assert skipped is not None
    assert tuples(skipped) == [("d", 4, 4)]

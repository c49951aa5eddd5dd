"""Replace, delete and the conditions they take."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from contract_lakes import THINGS, Table, things, tuples, version_of

from pocketlake import Lake, LakeError, OutsideSliceError

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
TYPED = Table(
    "silver.typed",
    "k STRING, yes BOOLEAN, n BIGINT, x DOUBLE, m DECIMAL(12,4), day DATE, at TIMESTAMP",
)
ROWS = [
    ("it's \\ \"so\"", True, 2**40, 0.5, Decimal("1.2500"), date(2026, 1, 2), MOMENT),
    ("plain", False, 1, 1.5, Decimal("2.0000"), date(2026, 2, 2), datetime(2026, 2, 1, tzinfo=UTC)),
    (None, None, None, None, None, None, None),
]  # fmt: skip


@pytest.fixture
def slices(lake: Lake) -> Lake:
    lake.append(THINGS, things(lake, ("a", 1, 1), ("b", 2, 1), ("c", None, 1)))
    return lake


def test_a_slice_is_replaced_in_one_commit_and_rows_of_no_answer_stay(slices: Lake) -> None:
    before = version_of(slices, THINGS)
    slices.replace(THINGS, things(slices, ("d", 2, 9), ("e", 3, 9)), where="n >= :n", args={"n": 2})
    assert tuples(slices.read(THINGS)) == [("a", 1, 1), ("c", None, 1), ("d", 2, 9), ("e", 3, 9)]
    assert version_of(slices, THINGS) == before + 1


@pytest.mark.parametrize("outside", [("d", 1, 9), ("d", None, 9)])
def test_a_row_outside_the_slice_is_refused_and_not_shown(
    slices: Lake, outside: tuple[object, ...]
) -> None:
    before = version_of(slices, THINGS)
    with pytest.raises(OutsideSliceError) as raised:
        slices.replace(THINGS, things(slices, ("e", 2, 9), outside), where="n = :n", args={"n": 2})
    assert str(raised.value) == "expected rows of silver.things where n = :n, found one outside"
    assert version_of(slices, THINGS) == before


def test_without_a_condition_the_whole_table_is_replaced(slices: Lake) -> None:
    slices.replace(THINGS, things(slices, ("z", None, None)))
    assert tuples(slices.read(THINGS)) == [("z", None, None)]
    slices.replace(THINGS, things(slices))
    assert tuples(slices.read(THINGS)) == []


def test_a_slice_is_emptied_by_no_rows(slices: Lake) -> None:
    slices.replace(THINGS, things(slices), where="n = 2")
    assert tuples(slices.read(THINGS)) == [("a", 1, 1), ("c", None, 1)]


def test_delete_counts_and_makes_no_version_without_rows(slices: Lake) -> None:
    before = version_of(slices, THINGS)
    assert slices.delete(THINGS, where="n > 5") == 0
    assert version_of(slices, THINGS) == before
    assert slices.delete(THINGS, where="n >= 1 AND NOT k = 'a'") == 1
    assert slices.delete(THINGS, where="n IS NULL") == 1
    assert tuples(slices.read(THINGS)) == [("a", 1, 1)]
    assert version_of(slices, THINGS) == before + 2


def test_delete_of_an_absent_table_creates_none(lake: Lake) -> None:
    assert lake.delete(THINGS, where="true") == 0
    assert not lake.exists(THINGS)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("k = :value", ROWS[0][0]),
        ("k IN (:value)", [ROWS[0][0], "none"]),
        ("yes = :value", True),
        ("n = :value", 2**40),
        ("n > :value", 1),
        ("x < :value", 1.0),
        ("m = :value", Decimal("1.25")),
        ("m IN (:value)", (Decimal("1.25"), Decimal(7))),
        ("day = :value", date(2026, 1, 2)),
        ("day < :value", date(2026, 2, 1)),
        ("at = :value", MOMENT),
        ("at <= :value", MOMENT),
        ("at IN (:value)", {MOMENT}),
        ("NOT k IN (:value) AND k IS NOT NULL", ["plain"]),
    ],
)
def test_each_type_of_value_finds_the_one_row_in_each_writer(
    lake: Lake, where: str, value: object
) -> None:
    args = {"value": value}
    first, *others = lake.rows(TYPED, ROWS), lake.rows(TYPED, ROWS[1:])
    rest = tuples(others[0])
    lake.append(TYPED, first)
    assert lake.delete(TYPED, where=where, args=args) == 1
    assert tuples(lake.read(TYPED)) == rest
    lake.replace(TYPED, lake.rows(TYPED, ROWS[:1]), where=where, args=args)
    assert tuples(lake.read(TYPED)) == tuples(first)
    assert lake.merge(TYPED, lake.rows(TYPED, []), delete=where, args=args).deleted == 1
    assert tuples(lake.read(TYPED)) == rest


def test_names_of_any_kind_and_texts_like_names_are_told_apart(lake: Lake) -> None:
    odd = Table("silver.odd", "k STRING, `Mixed-Case` STRING, order INT, batchId STRING")
    rows = [("a", "x", 1, "batchId"), ("b", "order", 2, "it's"), ("c", None, 3, ":k")]
    lake.append(odd, lake.rows(odd, rows))
    assert lake.delete(odd, where="`Mixed-Case` = 'order' AND order = 2 AND batchId = 'it''s'") == 1
    lake.replace(odd, lake.rows(odd, rows[:1]), where="batchId = 'batchId' AND `Mixed-Case` = 'x'")
    merged = lake.merge(
        odd, lake.rows(odd, []), delete="`k` = 'c' AND order > 2 AND batchId = ':k'"
    )
    assert merged.deleted == 1
    assert tuples(lake.read(odd)) == rows[:1]


def test_a_list_without_values_matches_nothing(slices: Lake) -> None:
    assert slices.delete(THINGS, where="k IN (:none)", args={"none": []}) == 0


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ({}, "expected a value for :n in the condition, found none"),
        ({"n": object()}, "expected text"),
    ],
)
def test_a_value_that_is_none_is_an_error(
    slices: Lake, args: dict[str, object], found: str
) -> None:
    with pytest.raises(LakeError, match=found):
        slices.delete(THINGS, where="n = :n", args=args)

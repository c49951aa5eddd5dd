"""How a person is found in texts and files, and what becomes of them."""

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lyceum.care.files import named_in, without
from lyceum.care.person import LearnerError, People, Person

FIELDS = frozenset({"CustomerID", "customer_id", "participant_id"})
PT = Person("PT001", "key", FIELDS)
FEW_DIGITS = Person("17850", "key", FIELDS)
BOTH = People([PT, Person("PT.(2)", "key", FIELDS)])
P, N = PT.pseudonym, FEW_DIGITS.pseudonym


def test_the_pseudonym_is_the_same_for_the_same_person_and_key_alone():
    assert Person("pt001", "key", FIELDS).pseudonym == P
    assert len({P, N, Person("PT001", "other", FIELDS).pseudonym}) == 3
    assert "PT001" not in P


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT001", P),
        (" pt001 ", P),
        ("a PT001, b", f"a {P}, b"),
        ("PT001,PT001", f"{P},{P}"),
        ('["PT001"]', f'["{P}"]'),
        ("PT0011 XPT001 PT-PT001 PT001_1", None),
        ("naïve Pt001\n", f"naïve {P}\n"),
    ],
)
def test_a_word_is_replaced_and_parts_of_words_are_not(text, expected):
    assert PT.replaced(text) == (expected or text)
    assert PT.is_in(text) == (expected is not None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("17850", None),
        ('{"CustomerID":"17850.0","StockCode":"17850"}', '{"CustomerID":"%s","StockCode":"17850"}'),
        ('{"customer_id": 17850, "n": 17850}', '{"customer_id": "%s", "n": 17850}'),
        ("CustomerID,n\n17850.0,17850\n5,6\n", "CustomerID,n\n%s,17850\n5,6\n"),
        ('n;CustomerID\r\n"a\nb";17850\r\n', 'n;CustomerID\r\n"a\nb";%s\r\n'),
        ("price,n\n17850,17850\n", None),
    ],
)
def test_a_number_of_few_digits_counts_only_where_persons_are_declared(text, expected):
    assert FEW_DIGITS.replaced(text) == (text if expected is None else expected % N)


def test_the_value_of_a_column_that_holds_persons_counts():
    assert FEW_DIGITS.replaced("17850.0", "customer_id") == N
    assert FEW_DIGITS.replaced("17850", "stock_code") == "17850"


@pytest.mark.parametrize("id_", ["", "ab", " PT001"])
def test_what_would_hit_anybody_is_no_identifier(id_):
    with pytest.raises(LearnerError, match="expected a learner's identifier"):
        Person(id_, "key", FIELDS)


def parquet(rows: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(rows, out)
    return out.getvalue()


CONTENTS = {
    "text": b"id\nPT001\n",
    "no utf-8": b"\xff\x00 PT001 \xe9",
    "utf-16": "\ufeffid\nPT001\n".encode("utf-16-le"),
    "gzip": gzip.compress(b"id\nPT001\n"),
    "parquet": parquet(pa.table({"a": ["x PT001", None], "b": [1, 2]})),
    "parquet of lists": parquet(pa.table({"a": [["PT001"], None], "b": [1, 2]})),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_every_kind_of_file_is_written_without_the_person(kind):
    content = CONTENTS[kind]
    assert named_in(content, BOTH) == {PT}
    new = without(content, BOTH)
    assert named_in(new, BOTH) == set()
    assert named_in(new, People([Person(P, "key", FIELDS)]))


def test_texts_deep_in_a_parquet_file_are_seen():
    rows = pa.table(
        {
            "a": [{"b": [{"c": "s PT001"}]}],
            "m": pa.array([[("k", "v")]], pa.map_("string", "string")),
        }
    )
    assert named_in(parquet(rows), BOTH) == {PT}

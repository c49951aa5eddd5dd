"""Erasure in rows that are in memory: the same for those of tables and of Parquet files."""

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lyceum.care.person import People, Person


def is_text(kind: pa.DataType) -> bool:
    """True for columns of text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def named(rows: pa.Table, people: People, columns: Collection[str]) -> list[set[Person]]:
    """Who is named in these columns, row by row."""
    found: list[set[Person]] = [set() for _ in range(rows.num_rows)]
    for name in columns:
        for number, value in enumerate(rows.column(name).to_pylist()):
            for text in _texts(value):
                found[number] |= people.within(text, name)
    return found


def replaced(rows: pa.Table, people: People, columns: Collection[str]) -> pa.Table:
    """The rows with the pseudonym in these columns; numbers stay."""
    for number, field in enumerate(rows.schema):
        is_list = pa.types.is_list(field.type) and is_text(field.type.value_type)
        if field.name not in columns or not (is_list or is_text(field.type)):
            continue
        values = rows.column(number).to_pylist()
        new = [_value(value, people, field.name) for value in values]
        if new != values:
            rows = rows.set_column(number, field, pa.array(new, field.type))
    return rows


def emptied(rows: pa.Table, columns: Collection[str]) -> pa.Table:
    """The rows with NULL in these columns."""
    for number, field in enumerate(rows.schema):
        if field.name in columns:
            rows = rows.set_column(number, field, pa.nulls(rows.num_rows, field.type))
    return rows


def texts_with(columns: Sequence[pa.Array], people: People) -> Iterator[str]:
    """The texts in which an identifier stands, at any depth of structs, lists and maps."""
    for column in _flat(columns):
        found = pc.match_substring_regex(pc.utf8_upper(column), people.pattern)
        kept = pc.filter(column, pc.fill_null(found, fill_value=False))
        yield from (str(text) for text in pc.unique(kept).to_pylist())


def _flat(columns: Sequence[pa.Array]) -> Iterator[pa.Array]:
    for column in columns:
        kind = column.type
        if pa.types.is_struct(kind):
            yield from _flat(column.flatten())
        elif pa.types.is_map(kind):
            yield from _flat([column.keys, column.items])
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            yield from _flat([column.flatten()])
        elif pa.types.is_dictionary(kind):
            yield from _flat([column.dictionary_decode()])
        elif is_text(kind):
            yield column


def _texts(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value if one is not None]
    return [] if value is None else [str(value)]


def _value(value: object, people: People, name: str) -> object:
    if isinstance(value, list):
        return [_value(one, people, name) for one in value]
    return people.replaced(value, name) if isinstance(value, str) else value

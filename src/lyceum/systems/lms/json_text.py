"""Column expressions over JSON as text, the same on every engine.

Engines agree on `get_json_object` (the first of two equal names counts) and on `from_json` of
texts. They do not agree on whole numbers of over 64 bits, nor on the type of a list's elements:
`items` takes care of both. Other numbers may be written in another form, `1e-7` as `1.0E-7`.
"""

from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    MapType,
    StringType,
    StructType,
)

_OBJECT = MapType(StringType(), StringType())
_LIST = ArrayType(StringType())
# Strings and numbers with a fraction or an exponent, or else a number that may pass 64 bits.
_STRING_OR_NUMBER = (
    r'("[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))'
    r"|(-?[0-9]{19,})"
)
_MARK = "\u0001"
"""No JSON text holds it: a control character inside a string is escaped."""


def is_json_object(text: Column) -> Column:
    """True if a text is a JSON object that every engine reads: whole, and not nested too deeply."""
    return F.from_json(text, "map<string,string>").isNotNull()


def items(payload: Column, path: str) -> Column:
    """The elements of the list at a path as JSON text; NULL where there is none or it is no list.

    A whole number of 19 digits or more becomes a string, so that no engine rounds it. A string
    stands there without quotes; one that looks like an object begins with a space.
    """
    is_long = payload.rlike("[0-9]{19}")
    exact = F.when(is_long, _long_numbers_as_strings(payload)).otherwise(payload)
    told_apart = F.regexp_replace(exact, r'([,\[]\s*")(\s*\{)', "$1 $2")
    return _read(told_apart, path, _LIST)


def is_object(element: Column) -> Column:
    """True if an element of `items` is an object."""
    return F.coalesce(element.startswith("{"), F.lit(False))


def is_there(payload: Column, path: str) -> Column:
    """True if there is something other than null at a path."""
    return _found(payload, path).isNotNull()


def scalar(payload: Column, path: str) -> Column:
    """The string, number or truth at a path as text; NULL where there is none or null."""
    return F.when(~is_nested(payload, path), _found(payload, path))


def is_nested(payload: Column, path: str) -> Column:
    """True if the value at a path is an object or a list."""
    looks_nested = _found(payload, path).rlike(r"^\s*[{\[]")
    is_one = _is(payload, path, _OBJECT) | _is(payload, path, _LIST)
    return F.coalesce(F.when(looks_nested, is_one), F.lit(False))


def kind(payload: Column, path: str) -> Column:
    """The type at a path: OBJECT, ARRAY, BOOLEAN, BIGINT for any whole number, DOUBLE or STRING.

    It is NULL where there is nothing, or null.
    """
    found = _found(payload, path)
    is_number = found.rlike("^-?[0-9]") & _is(payload, path, DoubleType())
    return (
        F.when(_is(payload, path, _OBJECT), "OBJECT")
        .when(_is(payload, path, _LIST), "ARRAY")
        .when(_is(payload, path, BooleanType()), "BOOLEAN")
        .when(is_number & found.rlike("^-?[0-9]+$"), "BIGINT")
        .when(is_number, "DOUBLE")
        .when(found.isNotNull(), "STRING")
    )


def _found(payload: Column, path: str) -> Column:
    """What is at a path: a string without quotes, anything else as JSON, NULL for null."""
    return F.get_json_object(payload, "$" + "".join(f"['{part}']" for part in path.split(".")))


def _is(payload: Column, path: str, data_type: DataType) -> Column:
    """True if the value at a path is of a type: `from_json` turns no string into a number."""
    return _read(payload, path, data_type).isNotNull()


def _read(payload: Column, path: str, data_type: DataType) -> Column:
    """The value at a path, NULL if it is not of the type."""
    *outer, last = parts = path.split(".")
    schema = StructType().add(last, data_type)
    for part in reversed(outer):
        schema = StructType().add(part, schema)
    return reduce(lambda value, part: value.getField(part), parts, F.from_json(payload, schema))


def _long_numbers_as_strings(payload: Column) -> Column:
    marked = F.regexp_replace(payload, _STRING_OR_NUMBER, f"$1{_MARK}$2{_MARK}")
    others_unmarked = F.replace(marked, F.lit(_MARK * 2), F.lit(""))
    return F.replace(others_unmarked, F.lit(_MARK), F.lit('"'))

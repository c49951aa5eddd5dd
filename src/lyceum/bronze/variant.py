"""Column expressions over VARIANT payloads."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def variant_path(dotted: str) -> str:
    """A dotted path in the form that Spark's variant functions take.

    >>> variant_path("data.sessions")
    '$["data"]["sessions"]'
    """
    return "$" + "".join(f'["{part}"]' for part in dotted.split(".") if part)


def variant_items(payload: Column, path: str) -> Column:
    """The elements of the list at a path; NULL where there is none or it is no list."""
    return F.try_variant_get(payload, variant_path(path), "array<variant>")


def kind(payload: Column, path: str) -> Column:
    """The type at a path: STRING, BIGINT, VOID for a JSON null and so on; NULL where is none."""
    return F.schema_of_variant(F.try_variant_get(payload, variant_path(path), "variant"))


def is_nested(payload: Column, path: str) -> Column:
    """True if the value at a path is an object or a list."""
    return F.coalesce(kind(payload, path).rlike("^(OBJECT|ARRAY)"), F.lit(False))


def variant_text(payload: Column, path: str) -> Column:
    """The scalar at a path as text; NULL where there is none or it is no scalar."""
    text = F.try_variant_get(payload, variant_path(path), "string")
    return F.when(~is_nested(payload, path), text)


def is_object(value: Column) -> Column:
    """True if a VARIANT is a JSON object."""
    return F.coalesce(F.schema_of_variant(value).startswith("OBJECT"), F.lit(False))

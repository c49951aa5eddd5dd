"""A table as pocketlake wants it declared."""

from dataclasses import dataclass

from pyspark.sql.types import StructType


@dataclass(frozen=True)
class Stored:
    """A table as pocketlake wants it."""

    name: str
    columns: str
    keys: tuple[str, ...] = ()
    comment: str = ""
    clustering: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()


def ddl(schema: StructType) -> str:
    """The columns of a schema as text."""
    return ", ".join(f"`{f.name}` {f.dataType.simpleString()}" for f in schema.fields)

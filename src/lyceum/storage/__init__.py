"""The only code that writes Delta: every write is idempotent, every table is declared."""

from lyceum.storage.lakehouse import Lakehouse, computed_once
from lyceum.storage.observe import side_by_side
from lyceum.storage.schema import SchemaChangeError
from lyceum.storage.writes import (
    Written,
    append,
    append_once,
    clear,
    delete,
    merge,
    replace,
)

__all__ = [
    "Lakehouse",
    "SchemaChangeError",
    "Written",
    "append",
    "append_once",
    "clear",
    "computed_once",
    "delete",
    "merge",
    "replace",
    "side_by_side",
]

"""What the catalog of the source says of its tables, and whether a table is as it is needed."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from lyceum.systems.warehouse.source import queries
from lyceum.systems.warehouse.source.connection import Reader
from lyceum.systems.warehouse.source.kinds import kind
from lyceum.systems.warehouse.source.tables import SourceTable


@dataclass
class Found:
    """A table of the source."""

    table_id: int
    columns: dict[str, str] = field(default_factory=dict)
    """Type of each column."""

    def undeclared(self, table: SourceTable) -> tuple[str, ...]:
        """The columns that nobody declared."""
        return tuple(name for name in self.columns if name not in table.columns)


def catalog(reader: Reader, schema: str) -> Mapping[str, Found]:
    """The tables of a schema, by name."""
    rows = reader.read(queries.COLUMNS.format(schema=queries.literal(schema))).to_pylist()
    found: dict[str, Found] = {}
    for row in rows:
        table = found.setdefault(row["table_name"], Found(row["table_id"]))
        table.columns[row["column_name"]] = row["type_name"]
    return found


def misfit(table: SourceTable, found: Found | None, schema: str) -> str | None:
    """What is wrong with a table, on one line; None if it can be read."""
    name = f"{schema}.{table.name}"
    if found is None:
        return f"expected the table {name} in the source, found none: rename it back or grant it"
    missing = [column for column in table.columns if column not in found.columns]
    if missing:
        new = ", ".join(found.undeclared(table)) or "none"
        return f"expected {name} to have {', '.join(missing)}, found it gone; new columns: {new}"
    wrong: Mapping[str, list[str]] = defaultdict(list)
    for column, name_of_kind in table.columns.items():
        accepted = kind(name_of_kind).accepts
        if found.columns[column] not in accepted:
            expected = " or ".join(sorted(accepted))
            wrong[name].append(f"{column} to be {expected}, found {found.columns[column]}")
    return "; ".join(f"expected {name}.{one}" for one in wrong[name]) or None

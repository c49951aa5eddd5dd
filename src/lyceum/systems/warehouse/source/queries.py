"""The SQL that the source is asked; identifiers come from declarations, values are checked here."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lyceum.systems.warehouse.source.kinds import kind
from lyceum.systems.warehouse.source.tables import SourceTable

SETTINGS = (
    "SET timezone = 'UTC'",
    "SET lock_timeout = '10s'",
    "SET statement_timeout = '{seconds}s'",
    # The connection that holds the snapshot waits for the others.
    "SET idle_in_transaction_session_timeout = 0",
)
BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
SNAPSHOT = """
    SELECT pg_export_snapshot() AS snapshot, clock_timestamp() AS taken_at,
        pg_snapshot_xmin(pg_current_snapshot())::text::int8 AS horizon,
        (SELECT system_identifier::text FROM pg_control_system())
            || '/' || (SELECT timeline_id::text FROM pg_control_checkpoint())
            || '/' || (SELECT oid::text FROM pg_database WHERE datname = current_database())
            AS database
"""
COLUMNS = """
    SELECT c.relname::text AS table_name, c.oid::int8 AS table_id, a.attname::text AS column_name,
        CASE WHEN t.typtype = 'e' THEN 'enum' WHEN t.typcategory = 'A' THEN 'array'
            WHEN t.typname = 'numeric' THEN format_type(a.atttypid, a.atttypmod)
            ELSE t.typname::text END AS type_name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p')
"""
_SAFE_AGE = 1_500_000_000
"""Of the 2³¹ transactions after which an old row looks new."""


def quoted(name: str) -> str:
    """An identifier of PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text of PostgreSQL."""
    return "'" + text.replace("'", "''") + "'"


def probe(schema: str, table: SourceTable, since: int | None) -> str:
    """Rows, the sum of the hashes of their keys, how many rows are `fresh`, and the pages."""
    return f"""
        SELECT count(*) AS rows, coalesce(sum({_hash(table.keys)}::numeric), 0)::text AS key_sum,
            count(*) FILTER (WHERE {_is_fresh(since)}) AS fresh,
            pg_relation_size({literal(f"{quoted(schema)}.{quoted(table.name)}")}::regclass)
                / current_setting('block_size')::int8 AS pages
        FROM {quoted(schema)}.{quoted(table.name)} AS t
    """


def rows(
    schema: str,
    table: SourceTable,
    since: int | None,
    *,
    pages: tuple[int, int | None] | None,
    has_undeclared: bool,
    taken_at: datetime,
) -> str:
    """The fresh rows as they are landed, those of some pages if any are given."""
    casts = {name: kind(k).sql.format(f"t.{quoted(name)}") for name, k in table.columns.items()}
    rescued = _rescued(table) if has_undeclared else "NULL::text"
    values = ", ".join([*casts.values(), rescued])
    listed = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in casts.items())
    within = " AND ".join([_is_fresh(since), *_of_pages(pages)])
    return f"""
        SELECT {listed}, {rescued} AS _rescued, false AS _is_deleted,
            hashtextextended(ROW({values})::text, 0) AS _row_hash,
            {literal(taken_at.isoformat())}::timestamptz AS _snapshot_at,
            {_hash(table.keys)} AS _key_hash
        FROM {quoted(schema)}.{quoted(table.name)} AS t WHERE {within}
    """


def key_hashes(schema: str, table: SourceTable) -> str:
    """The hash of every key that is there."""
    return (
        f"SELECT {_hash(table.keys)} AS _key_hash FROM {quoted(schema)}.{quoted(table.name)} AS t"
    )


def horizon_is_known(since: int, now: int) -> bool:
    """False if too many transactions have passed, or fewer than none: then all rows are read."""
    return 0 <= now - since < _SAFE_AGE


def _hash(keys: Sequence[str]) -> str:
    listed = ", ".join(f"t.{quoted(key)}" for key in keys)
    return f"hashtextextended(ROW({listed})::text, 0)"


def _is_fresh(since: int | None) -> str:
    """True for rows of transactions that the sync before may not have seen."""
    if since is None:
        return "true"
    return f"age(t.xmin) <= age('{since % 2**32}'::xid)"


def _of_pages(pages: tuple[int, int | None] | None) -> Iterator[str]:
    if pages is not None:
        first, end = pages
        yield f"t.ctid >= '({first},0)'::tid"
        if end is not None:
            yield f"t.ctid < '({end},0)'::tid"


def _rescued(table: SourceTable) -> str:
    known = ", ".join(literal(name) for name in table.columns)
    return f"nullif((to_jsonb(t) - ARRAY[{known}])::text, '{{}}')"

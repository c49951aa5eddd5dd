"""Pipelines in SQL files: the statements that define datasets, flows and changes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bundlerun.pipelines.errors import DefinitionError
from bundlerun.pipelines.expectations import Action, Expectation
from bundlerun.pipelines.names import NAME

SqlKind = Literal["streaming table", "materialized view", "temporary view"]

_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|;", re.DOTALL)
_PART = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`|[(<]|[)>]|,|[^'`(<)>,]+", re.DOTALL)
_FLAGS = re.IGNORECASE | re.DOTALL
_TEXT = r"'(?:[^'\\]|\\.)*'"
_LIST = r"\((?:[^()']|'[^']*'|\([^()]*\))*\)"
_STREAM = rf"(?:STREAM\s*\(\s*({NAME.pattern})\s*\)|(?:STREAM\s+)?({NAME.pattern}))"
_CREATE = re.compile(
    r"CREATE\s+(?:OR\s+(?:REFRESH|REPLACE)\s+)?(?:PRIVATE\s+)?"
    r"(?P<kind>STREAMING\s+(?:LIVE\s+)?TABLE|MATERIALIZED\s+VIEW|TEMPORARY\s+(?:LIVE\s+)?VIEW)\s+"
    rf"(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{NAME.pattern})\s*",
    _FLAGS,
)
_CLAUSE = re.compile(
    rf"COMMENT\s+(?P<comment>{_TEXT})|TBLPROPERTIES\s*(?P<properties>{_LIST})|USING\s+DELTA"
    rf"|(?:PARTITIONED|CLUSTER)\s+BY\s*(?:{_LIST}|AUTO|NONE)|DEFAULT\s+COLLATION\s+\w+",
    _FLAGS,
)
_FLOW = re.compile(
    rf"CREATE\s+FLOW\s+(?P<name>{NAME.pattern})\s+(?:COMMENT\s+{_TEXT}\s+)?AS\s+", _FLAGS
)
_INSERT = re.compile(
    rf"INSERT\s+INTO\s+(?P<once>ONCE\s+)?(?P<target>{NAME.pattern})\s+BY\s+NAME\s+(?P<query>.+)",
    _FLAGS,
)
_EXPECT = re.compile(
    r"CONSTRAINT\s+(?P<name>`[^`]+`|\w+)\s+EXPECT\s*\((?P<condition>.+)\)\s*"
    r"(?:ON\s+VIOLATION\s+(?P<action>DROP\s+ROW|FAIL\s+UPDATE))?",
    _FLAGS,
)
_INFORMATION = re.compile(r"(?:CONSTRAINT\s+\S+\s+)?(?:PRIMARY|FOREIGN)\s+KEY\b.*", _FLAGS)
_COLUMNS = r"(?:\*\s*EXCEPT\s*)?\([^)]*\)|[\w`., ]+?"
_CHANGES = re.compile(
    rf"(?:AUTO\s+CDC|APPLY\s+CHANGES)\s+INTO\s+(?P<target>{NAME.pattern})\s+FROM\s+{_STREAM}\s+"
    r"KEYS\s*\((?P<keys>[^)]*)\)\s*"
    r"(?P<nulls>IGNORE\s+NULL\s+UPDATES\s+)?"
    r"(?:APPLY\s+AS\s+DELETE\s+WHEN\s+(?P<deletes>.+?)\s+)?"
    r"(?:APPLY\s+AS\s+TRUNCATE\s+WHEN\s+(?P<truncates>.+?)\s+)?"
    r"SEQUENCE\s+BY\s+(?P<sequence>.+?)\s*"
    rf"(?:\bCOLUMNS\s+(?P<columns>{_COLUMNS})\s*)?"
    r"(?:\bSTORED\s+AS\s+SCD\s+TYPE\s+(?P<type>\d)\s*)?"
    rf"(?:\bTRACK\s+HISTORY\s+ON\s+(?P<tracked>{_COLUMNS})\s*)?",
    _FLAGS,
)
_ACTIONS: dict[str, Action] = {"DROP ROW": "drop", "FAIL UPDATE": "fail"}


@dataclass(frozen=True)
class SqlDataset:
    """CREATE of a table or view; without a query flows fill it."""

    kind: SqlKind
    name: str
    comment: str = ""
    columns: str | None = None
    expectations: tuple[Expectation, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    query: str | None = None


@dataclass(frozen=True)
class SqlFlow:
    """CREATE FLOW … AS INSERT INTO … BY NAME."""

    name: str
    target: str
    query: str
    is_once: bool


@dataclass(frozen=True)
class SqlChanges:
    """CREATE FLOW … AS AUTO CDC INTO: the arguments of `create_auto_cdc_flow`."""

    arguments: dict[str, Any]


def statements(text: str, file: Path) -> Iterator[SqlDataset | SqlFlow | SqlChanges]:
    """What a SQL file defines.

    >>> [s] = statements("CREATE MATERIALIZED VIEW a AS SELECT 1 AS n; -- one", Path("a.sql"))
    >>> s.kind, s.name, s.query
    ('materialized view', 'a', 'SELECT 1 AS n')
    """
    for statement in _split(text):
        found = _dataset(statement) or _flow(statement)
        if found is None:
            message = f"expected CREATE … AS SELECT of tables and views, or a flow, in {file}"
            raise DefinitionError(f"{message}, found {' '.join(statement.split())[:60]}")
        yield found


def _dataset(statement: str) -> SqlDataset | None:
    head = _CREATE.match(statement)
    if head is None:
        return None
    kind = " ".join(head["kind"].lower().replace("live", "").split())
    columns, rest = None, statement[head.end() :]
    rules: tuple[Expectation, ...] = ()
    if rest.startswith("("):
        inside, rest = _bracketed(rest)
        columns, rules = _columns(inside)
    comment = ""
    properties: dict[str, str] = {}
    while clause := _CLAUSE.match(rest):
        comment = _unquoted(clause["comment"]) if clause["comment"] else comment
        properties |= _properties(clause["properties"] or "")
        rest = rest[clause.end() :].lstrip()
    query = re.fullmatch(r"AS\s+(.+)", rest, _FLAGS)
    if rest and query is None:
        return None
    text = query[1].strip() if query else None
    return SqlDataset(kind, head["name"], comment, columns, rules, properties, text)  # type: ignore[arg-type]


def _flow(statement: str) -> SqlFlow | SqlChanges | None:
    head = _FLOW.match(statement)
    rest = statement[head.end() :] if head else statement
    insert = _INSERT.fullmatch(rest)
    if head and insert:
        query, is_once = insert["query"].strip(), insert["once"] is not None
        return SqlFlow(head["name"], insert["target"], query, is_once)
    found = _CHANGES.fullmatch(rest)
    if found is None or (head is None and not rest.upper().startswith("APPLY")):
        return None
    kept, left_out = _named(found["columns"])
    tracked, untracked = _named(found["tracked"])
    return SqlChanges(
        {
            "target": found["target"],
            "source": found[2] or found[3],
            "keys": _names(found["keys"]),
            "sequence_by": found["sequence"],
            "ignore_null_updates": bool(found["nulls"]),
            "apply_as_deletes": found["deletes"],
            "apply_as_truncates": found["truncates"],
            "column_list": kept,
            "except_column_list": left_out,
            "stored_as_scd_type": found["type"] or 1,
            "track_history_column_list": tracked,
            "track_history_except_column_list": untracked,
            "name": head["name"] if head else None,
        }
    )


def _columns(inside: str) -> tuple[str | None, tuple[Expectation, ...]]:
    """The columns of a table as DDL, if it has any, and its expectations."""
    columns, rules = [], []
    for item in _items(inside):
        rule = _EXPECT.fullmatch(item)
        if rule:
            action = _ACTIONS.get(" ".join((rule["action"] or "").upper().split()), "warn")
            rules.append(Expectation(rule["name"].strip("`"), rule["condition"].strip(), action))
        elif not _INFORMATION.fullmatch(item):
            columns.append(item)
    return ", ".join(columns) or None, tuple(rules)


def _named(columns: str | None) -> tuple[Sequence[str] | None, Sequence[str] | None]:
    """The names of a list, or those that are left out of all."""
    if columns is None:
        return None, None
    without = re.fullmatch(r"\*\s*EXCEPT\s*(\(.*\))", columns.strip(), _FLAGS)
    return (None, _names(without[1])) if without else (_names(columns), None)


def _names(text: str) -> list[str]:
    return [name.strip().strip("`") for name in text.strip().strip("()").split(",")]


def _properties(text: str) -> dict[str, str]:
    pairs = re.findall(rf"(?:({_TEXT})|([\w.]+))\s*=\s*(?:({_TEXT})|([\w.-]+))", text)
    return {_unquoted(a) or b: _unquoted(c) or d for a, b, c, d in pairs}


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _bracketed(text: str) -> tuple[str, str]:
    """What stands in the brackets at the begin of a text, and what follows them."""
    depth, end = 0, 0
    for part in _PART.finditer(text):
        depth += (part[0] == "(") - (part[0] == ")")
        end = part.end()
        if depth == 0:
            break
    return text[1 : end - 1], text[end:].lstrip()


def _items(text: str) -> list[str]:
    """A text cut at the commas that stand outside of brackets and quotes."""
    items, depth = [""], 0
    for part in _PART.findall(text):
        is_comparison = part in "<>" and "EXPECT" in items[-1].upper()
        if not is_comparison:
            depth += (part in "(<") - (part in ")>")
        if part == "," and depth == 0:
            items.append("")
        else:
            items[-1] += part
    return [item.strip() for item in items if item.strip()]


def _split(text: str) -> Iterator[str]:
    """The statements of a text, without its comments."""
    statement, start = "", 0
    for token in _TOKEN.finditer(text):
        statement += text[start : token.start()]
        start = token.end()
        if token[0] == ";":
            if statement.strip():
                yield statement.strip()
            statement = ""
        else:
            statement += token[0] if token[0][0] in "'\"" else " "
    statement += text[start:]
    if statement.strip():
        yield statement.strip()

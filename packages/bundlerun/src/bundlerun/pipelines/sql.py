"""Pipelines in SQL files: the statements that define datasets, and the names in a query."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bundlerun.pipelines.errors import DefinitionError
from bundlerun.pipelines.names import NAME, short_name

_KINDS: dict[str, Literal["streaming table", "materialized view", "temporary view"]] = {
    "STREAMING TABLE": "streaming table",
    "MATERIALIZED VIEW": "materialized view",
    "TEMPORARY VIEW": "temporary view",
}
_CREATE = re.compile(
    r"CREATE\s+(?:OR\s+(?:REFRESH|REPLACE)\s+)?"
    r"(?P<kind>STREAMING\s+TABLE|MATERIALIZED\s+VIEW|TEMPORARY\s+VIEW)\s+"
    rf"(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{NAME.pattern})\s*"
    r"(?:COMMENT\s+'(?P<comment>(?:[^'\\]|\\.)*)'\s*)?"
    r"AS\s+(?P<query>.+)",
    re.IGNORECASE | re.DOTALL,
)
_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|;", re.DOTALL)
_SOURCE = re.compile(
    r"(?P<word>\b(?:FROM|JOIN)\s+)"
    rf"(?P<stream>STREAM\s*\(\s*|STREAM\s+)?(?P<name>{NAME.pattern})(?P<end>\s*\))?",
    re.IGNORECASE,
)


_ALIAS = re.compile(r"\s*(?:AS\s+)?(`[^`]+`|\w+)", re.IGNORECASE)
_NO_ALIAS = re.compile(
    "where|group|order|having|limit|offset|union|except|intersect|minus|join|left|right|inner|full|"
    "cross|natural|semi|anti|on|using|lateral|window|qualify|pivot|unpivot|tablesample|cluster|"
    "distribute|sort|version|timestamp",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Statement:
    """One dataset of a SQL file."""

    kind: Literal["streaming table", "materialized view", "temporary view"]
    name: str
    comment: str
    query: str


def statements(text: str, file: Path) -> Iterator[Statement]:
    """The datasets that a SQL file defines.

    >>> [s] = statements("CREATE MATERIALIZED VIEW a AS SELECT 1 AS n; -- one", Path("a.sql"))
    >>> s.kind, s.name, s.query
    ('materialized view', 'a', 'SELECT 1 AS n')
    """
    for statement in _split(text):
        found = _CREATE.fullmatch(statement)
        if found is None:
            message = f"expected CREATE … AS SELECT of tables and views in {file}"
            raise DefinitionError(f"{message}, found {' '.join(statement.split())[:60]}")
        kind = _KINDS[" ".join(found["kind"].upper().split())]
        yield Statement(kind, found["name"], found["comment"] or "", found["query"].strip())


def with_sources(query: str, bind: Callable[[str, bool], str | None]) -> str:
    """The query with the names that follow FROM and JOIN replaced by what `bind` gives.

    `bind` gets the name and whether it is read as a stream; None leaves the name as it is.

    >>> with_sources("SELECT * FROM STREAM(a.b) x JOIN c ON x.i = c.i", lambda name, stream: "{d}")
    'SELECT * FROM {d} x JOIN {d} AS `c` ON x.i = c.i'
    """

    def replaced(found: re.Match[str]) -> str:
        is_call = (found["stream"] or "").rstrip().endswith("(")
        bound = bind(found["name"], found["stream"] is not None)
        if bound is None:
            return found[0]
        end = "" if is_call else found["end"] or ""
        alias = _ALIAS.match(query, found.end()) if not end else None
        if alias is None or _NO_ALIAS.fullmatch(alias[1]):
            # A column may be named with its table.
            bound += f" AS `{short_name(found['name'])}`"
        return found["word"] + bound + end

    return _SOURCE.sub(replaced, query)


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

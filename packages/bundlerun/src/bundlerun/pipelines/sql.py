"""Queries of a pipeline in SQL: the names in them that are datasets."""

import re
from collections.abc import Callable

from bundlerun.pipelines.names import NAME, short_name

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


_ONLY_OF_ALL_ROWS = re.compile(
    r"\b(GROUP\s+BY|DISTINCT|LIMIT\s+\d|OVER\s*\()|"
    r"\b(count|sum|avg|mean|min|max|min_by|max_by|any_value|first|last|count_if|collect_list|"
    r"collect_set|array_agg|approx_count_distinct|percentile|median|stddev|variance)\s*\(",
    re.IGNORECASE,
)
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)


def wanted_of_all_rows(query: str) -> str | None:
    """What a query asks of all rows, such as a sum, which a batch of a stream does not have.

    >>> wanted_of_all_rows("SELECT max(n) FROM STREAM(a)")
    'max('
    >>> wanted_of_all_rows("SELECT 'sum(n)', least(n, 1) FROM STREAM(a)")
    """
    found = _ONLY_OF_ALL_ROWS.search(_TEXT.sub("''", query))
    return None if found is None else " ".join(found[0].split())


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

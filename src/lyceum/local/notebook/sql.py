"""SQL text cut into statements, and the parameters that a statement names."""

import re

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?\*/)
    | '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | `[^`]*`
    | (?P<end>;)
    | (?<![:\w)\]`"']):(?P<parameter>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
_SCRIPT = re.compile(r"(?:--[^\n]*\n|\s)*BEGIN\b(?!\s+TRANSACTION)", re.IGNORECASE)


def statements(text: str) -> list[str]:
    """The statements of a text, without the semicolons between them.

    >>> statements("SELECT ';'; -- the end;")
    ["SELECT ';'"]
    """
    if _SCRIPT.match(text):
        return [text.strip().removesuffix(";")]
    found = [m for m in _TOKEN.finditer(text) if m["end"]]
    starts, ends = [0, *(m.end() for m in found)], [*(m.start() for m in found), len(text)]
    parts = [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    return [part for part in parts if _without_comments(part).strip()]


def parameters(statement: str) -> set[str]:
    """The names of the statement's parameters.

    >>> sorted(parameters("SELECT :a, ':b', 1::int -- :c"))
    ['a']
    """
    return {m["parameter"] for m in _TOKEN.finditer(statement) if m["parameter"]}


def _without_comments(text: str) -> str:
    return _TOKEN.sub(lambda m: "" if m["comment"] else m[0], text)

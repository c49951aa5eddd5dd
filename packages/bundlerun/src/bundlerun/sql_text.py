"""SQL text cut into statements, and the parameters that a statement names."""

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)
  | (?P<text>[rR]'[^']*'|[rR]"[^"]*"|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)
  | (?<![:\w)\]`"']):(?P<parameter>[A-Za-z_]\w*)
  | (?P<word>\w+)
  | (?P<end>;)
  | (?P<other>\s+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_MUSTACHE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_WIDGET = re.compile(
    r"CREATE\s+WIDGET\s+(?:TEXT|DROPDOWN|COMBOBOX|MULTISELECT)\s+(?P<name>`[^`]+`|\w+)"
    r"\s+DEFAULT\s+(?P<text>'(?:[^']|'')*'|\"[^\"]*\"|[\w.-]+)(?:\s+CHOICES\s+.*)?"
    r"|REMOVE\s+WIDGET\s+(?P<removed>`[^`]+`|\w+)",
    re.I | re.S,
)
_BLOCKS = ("IF", "WHILE", "LOOP", "FOR", "REPEAT")
_OPENING = ("BEGIN", "CASE")


def statements(script: str) -> Iterator[str]:
    r"""The statements of a script, without the semicolons between them.

    >>> list(statements("SELECT ';'; -- a;b\n SELECT 2;;"))
    ["SELECT ';'", '-- a;b\n SELECT 2']

    A compound statement from BEGIN to its END is one.
    """
    parts: list[str] = []
    words: list[str] = []
    for found in _TOKEN.finditer(script):
        if found["word"]:
            words.append(found["word"].upper())
        if found["end"] and not _is_open(words):
            if words or _has_code(parts):
                yield "".join(parts).strip()
            parts, words = [], []
        else:
            parts.append(found[0])
    if words or _has_code(parts):
        yield "".join(parts).strip()


def with_values(statement: str, values: Mapping[str, object]) -> str:
    r"""The statement with a text literal for each parameter that has a value.

    Not every engine takes parameters in a statement that writes.

    >>> with_values("INSERT INTO t VALUES (:a, ':a', :b)", {"a": "it's"})
    "INSERT INTO t VALUES ('it\\'s', ':a', :b)"
    """

    def written(found: re.Match[str]) -> str:
        name = found["parameter"]
        if name is None or name not in values:
            return found[0]
        escaped = str(values[name]).replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"

    return _TOKEN.sub(written, statement)


def with_texts(script: str, values: Mapping[str, object]) -> str:
    """The script in which `{{name}}` is the text of the parameter, wherever it stands.

    >>> with_texts("SELECT * FROM {{ table }} WHERE x = '{{x}}' -- {{y}}", {"table": "t", "x": 1})
    "SELECT * FROM t WHERE x = '1' -- {{y}}"
    """
    return _MUSTACHE.sub(lambda found: str(values.get(found[1], found[0])), script)


def widget(statement: str) -> tuple[str, str] | None:
    """Name and default of the widget that a statement creates; None of another statement.

    >>> widget("CREATE WIDGET DROPDOWN day DEFAULT 'it''s' CHOICES SELECT 1")
    ('day', "it's")
    """
    found = _WIDGET.fullmatch(statement.strip())
    if found is None:
        return None
    text = found["text"]
    default = text if text is None or text[:1] not in "'\"" else text[1:-1].replace("''", "'")
    return (found["name"] or found["removed"]).strip("`"), default or ""


def _is_open(words: list[str]) -> bool:
    """Whether a compound statement has begun that has not ended."""
    if words[:1] != ["BEGIN"] or words[1:2] == ["TRANSACTION"]:
        return False
    depth = 0
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word in _OPENING and before != "END":
            depth += 1
        elif word == "END" and after not in _BLOCKS:
            depth -= 1
    return depth > 0


def _has_code(parts: list[str]) -> bool:
    return any(not part.isspace() and not part.startswith(("--", "/*")) for part in parts)

"""What can be said of a SQL text without a database: its quotes, comments and brackets close."""

import re

_TOKEN = re.compile(
    r"--[^\n]*"
    r"|/\*(?:.*?\*/|(?P<comment>.*))"
    r"|'(?:(?:\\.|''|[^'\\])*'|(?P<text>.*))"
    r'|"(?:(?:\\.|""|[^"\\])*"|(?P<quoted>.*))'
    r"|`(?:[^`]*`|(?P<name>.*))"
    r"|(?P<bracket>[()\[\]])"
    r"|(?P<code>[^\s])",
    re.DOTALL,
)
_CLOSES = {")": "(", "]": "["}
_OPEN = {"comment": "a comment", "text": "a text", "quoted": "a text", "name": "a name"}


def sql_complaint(content: str) -> str | None:
    r"""What is wrong with a SQL text.

    >>> sql_complaint("SELECT ')' -- it's\nFROM t"), sql_complaint("SELECT (1")
    (None, '( of line 1 is never closed')
    >>> sql_complaint("SELECT 'x"), sql_complaint("-- nothing")
    ('a text of line 1 is never closed', 'there is no statement in it')
    """
    around: list[tuple[str, int]] = []
    has_code = False
    for token in _TOKEN.finditer(content):
        line = content.count("\n", 0, token.start()) + 1
        for kind, name in _OPEN.items():
            if token[kind] is not None:
                return f"{name} of line {line} is never closed"
        has_code = has_code or token["code"] is not None
        bracket = token["bracket"]
        if bracket in ("(", "["):
            around.append((bracket, line))
        elif bracket and (not around or around.pop()[0] != _CLOSES[bracket]):
            return f"{bracket} of line {line} closes nothing"
    if around:
        return f"{around[-1][0]} of line {around[-1][1]} is never closed"
    return None if has_code else "there is no statement in it"

"""Conditions on rows as SQL text that both engines understand.

Callers write column names, literals, comparisons, IN, IS NULL, AND, OR, NOT, and `:name` for a
value. Each engine gets its own spelling of values and names.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal

from pocketlake.declaration import text_literal
from pocketlake.errors import LakeError

Dialect = Literal["datafusion", "spark"]
Args = Mapping[str, object]

_TOKEN = re.compile(r"'(?:[^']|'')*'|`[^`]+`|(?<![:\w]):[A-Za-z_]\w*|[A-Za-z_]\w*|.", re.S)


class ConditionError(LakeError):
    """A condition has a placeholder without a value, or a value that is no literal."""


def condition(
    text: str,
    args: Args | None,
    *,
    dialect: Dialect,
    columns: Collection[str] = (),
    alias: str | None = None,
) -> str:
    r"""The condition as one engine writes it, its columns in quotes, and qualified by an alias.

    A quote in a text is doubled, and a backslash is a backslash, on both engines.

    >>> condition("k IN (:some) OR n > :n", {"some": ["a"], "n": 1}, dialect="datafusion")
    "k IN ('a') OR n > 1"
    >>> condition("k = 'k''s'", None, dialect="spark", columns=["k"], alias="t")
    "`t`.`k` = 'k\\'s'"
    """

    def written(token: str) -> str:
        if token.startswith(":") and len(token) > 1:
            return _value(token[1:], args or {}, dialect)
        if token.startswith("'") and len(token) > 1:
            return literal(token[1:-1].replace("''", "'"), dialect=dialect)
        name = token.strip("`")
        if name in columns:
            return _name(name, alias, dialect)
        return _name(name, None, dialect) if token.startswith("`") else token

    return "".join(written(token) for token in _TOKEN.findall(text))


def name_of(column: str, alias: str | None, *, dialect: Dialect) -> str:
    """A column of an alias in an engine's quotes."""
    return _name(column, alias, dialect)


def _name(column: str, alias: str | None, dialect: Dialect) -> str:
    if dialect == "spark":
        return f"`{alias}`.`{column}`" if alias else f"`{column}`"
    # DataFusion folds the case of an alias without quotes, and that of a column too.
    return f'{alias}."{column}"' if alias else f'"{column}"'


def _value(name: str, args: Args, dialect: Dialect) -> str:
    if name not in args:
        message = f"expected a value for :{name} in the condition, found none"
        raise ConditionError(message)
    return literal(args[name], dialect=dialect)


def literal(value: object, *, dialect: Dialect) -> str:
    """A Python value as a literal; a list as its elements between commas.

    >>> literal(datetime(2026, 1, 2, tzinfo=UTC), dialect="spark")
    "TIMESTAMP '2026-01-02 00:00:00.000000+00:00'"
    """
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(literal(one, dialect=dialect) for one in value) or "NULL"
    for kinds, written in _LITERALS:
        if isinstance(value, kinds):
            return written(value, dialect)
    message = f"expected text, a number, a date, a time or a list of them, found {type(value)}"
    raise ConditionError(message)


def _plain(value: object, _dialect: Dialect) -> str:
    return "NULL" if value is None else str(value).upper()


def _text(value: str, dialect: Dialect) -> str:
    return text_literal(value) if dialect == "spark" else "'" + value.replace("'", "''") + "'"


def _date(value: date, dialect: Dialect) -> str:
    return f"DATE '{value.isoformat()}'" if dialect == "spark" else f"CAST('{value}' AS DATE)"


def _decimal(value: Decimal, dialect: Dialect) -> str:
    if dialect == "datafusion":
        # A text takes the type of its column; delta-rs prunes no files by another precision.
        return f"'{value:f}'"
    return f"CAST('{value:f}' AS DECIMAL(38, {max(0, -int(value.as_tuple().exponent))}))"


def _instant(value: datetime, dialect: Dialect) -> str:
    text = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    if dialect == "spark":
        return f"TIMESTAMP '{text}+00:00'"
    # A CAST or to_timestamp does not compare with a column that has a zone.
    return f"arrow_cast('{text.replace(' ', 'T')}Z', 'Timestamp(Microsecond, Some(\"UTC\"))')"


# A datetime is a date too: it comes first.
_LITERALS: tuple[tuple[type | UnionType, Callable[[Any, Dialect], str]], ...] = (
    (NoneType | bool | int | float, _plain),
    (datetime, _instant),
    (date, _date),
    (Decimal, _decimal),
    (str, _text),
)

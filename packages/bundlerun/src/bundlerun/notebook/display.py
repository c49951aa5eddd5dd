"""Values as a notebook shows them: HTML for people, plain text beside it."""

import sys
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from bundlerun.notebook.errors import NotOfferedError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MOST_ROWS = 1_000
_PLAIN_ROWS = 20
_PLAIN_WIDTH = 40


def shown(value: object) -> dict[str, str]:
    """What `display` shows of a value, by media type."""
    for module, shape in _SHAPES.items():
        if module in sys.modules and (table := shape(value)) is not None:
            return table
    if isinstance(value, list) and value and all(hasattr(item, "_fields") for item in value):
        return _table(list(value[0]._fields), [list(item) for item in value])
    return {"text/plain": repr(value)}


def result(value: object) -> dict[str, str]:
    """What the last expression of a cell shows: a Spark frame is not computed for it."""
    if "pandas" in sys.modules and (table := _pandas_table(value)) is not None:
        return table
    return {"text/plain": repr(value)}


def spark_table(frame: "DataFrame") -> dict[str, str]:
    """The frame's first rows."""
    if frame.isStreaming:
        name = "display of a streaming DataFrame"
        raise NotOfferedError(name)
    names = list(frame.columns)
    unique = frame.limit(MOST_ROWS + 1).toDF(*(f"c{n}" for n in range(len(names))))
    return _table(names, [list(row) for row in _printable(unique).collect()])


def _printable(frame: "DataFrame") -> "DataFrame":
    """Nested values as JSON text and instants as UTC text, other values as they are."""
    from pyspark.sql import functions as F
    from pyspark.sql import types as T

    columns = []
    for field in frame.schema:
        column, kind = F.col(field.name), field.dataType
        if isinstance(kind, T.StructType | T.ArrayType | T.MapType | T.VariantType):
            column = F.to_json(column)
        elif isinstance(kind, T.TimestampType | T.BinaryType):
            column = column.cast("string")
        columns.append(column.alias(field.name))
    return frame.select(*columns)


def _spark_table(value: object) -> dict[str, str] | None:
    from pyspark.sql import DataFrame

    return spark_table(value) if isinstance(value, DataFrame) else None


def _pandas_table(value: object) -> dict[str, str] | None:
    pandas: Any = sys.modules["pandas"]
    if not isinstance(value, pandas.DataFrame):
        return None
    frame = value.head(MOST_ROWS + 1)
    return _table([str(c) for c in frame.columns], frame.astype(object).to_numpy().tolist())


_SHAPES: dict[str, Callable[[object], dict[str, str] | None]] = {
    "pyspark.sql": _spark_table,
    "pandas": _pandas_table,
}


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, str]:
    """Rows as a table, of which the first thousand are kept."""
    texts = [["null" if cell is None else str(cell) for cell in row] for row in rows[:MOST_ROWS]]
    more = f"only the first {MOST_ROWS:,} rows" if len(rows) > MOST_ROWS else ""
    return {"text/html": _html(names, texts, more), "text/plain": _plain(names, texts, more)}


def _html(names: Sequence[str], rows: list[list[str]], more: str) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    note = f"\n<p>{escape(more)}</p>" if more else ""
    table = f'<table border="1" class="dataframe">\n<thead><tr>{head}</tr></thead>'
    return f"{table}\n<tbody>\n{body}\n</tbody>\n</table>{note}"


def _plain(names: Sequence[str], rows: list[list[str]], more: str) -> str:
    lines = [list(names), *rows[:_PLAIN_ROWS]]
    cut = [[_cut(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cut, strict=True)]
    drawn = [
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cut
    ]
    hidden = len(rows) - _PLAIN_ROWS
    notes = [f"… {hidden:,} more rows"] if hidden > 0 else []
    return "\n".join([*drawn, *notes, *([more] if more else [])])


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _PLAIN_WIDTH else line[: _PLAIN_WIDTH - 1] + "…"

"""Tables in the width of a terminal: no name or identifier is broken, so that it can be pasted."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.table import Table

_BOXED, _PLAIN = 3, 2
"""Characters that a column takes beside its text: in a table with lines, and in one without."""


def laid_out(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], width: int
) -> Table | str:
    """A table whose columns wrap between words, without lines where those take too much room.

    One block a row where it is too wide even so.
    """
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    by_column = [*zip(columns, *texts, strict=True)]
    table = Table(title=title or None, title_justify="left", title_style="bold")
    widths = _widths(by_column, room=width - _BOXED * len(columns) - 1)
    if widths is None:
        table.box, table.padding, table.pad_edge = None, (0, _PLAIN, 0, 0), False
        widths = _widths(by_column, room=width - _PLAIN * len(columns))
    if widths is None:
        return _blocks(title, columns, texts)
    for name, column_width in zip(columns, widths, strict=True):
        table.add_column(name, width=column_width)
    for row in texts:
        table.add_row(*row)
    return table


def _widths(by_column: Sequence[Sequence[str]], *, room: int) -> list[int] | None:
    """The widths of columns that fit together; None if a word would have to be broken."""
    widths = [max(map(_longest_line, cells)) for cells in by_column]
    least = [max(map(_longest_word, cells)) for cells in by_column]
    if sum(least) > room:
        return None
    while (excess := sum(widths) - room) > 0:
        spare = [have - need for have, need in zip(widths, least, strict=True)]
        widest = max(range(len(widths)), key=lambda n: (spare[n] > 0, widths[n]))
        others = sorted(w for n, w in enumerate(widths) if spare[n] > 0 and n != widest)
        step = max(1, widths[widest] - others[-1]) if others else excess
        widths[widest] -= min(step, excess, spare[widest])
    return widths


def _longest_line(text: str) -> int:
    return max(map(cell_len, text.split("\n")))


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split() or [""]))


def _blocks(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    indent = max(map(cell_len, columns))
    blocks = [
        "\n".join(
            f"{name}{' ' * (indent - cell_len(name))}  {cell}".rstrip()
            for name, cell in zip(columns, row, strict=True)
        )
        for row in rows
    ]
    return "\n\n".join([title, *blocks] if title else blocks)

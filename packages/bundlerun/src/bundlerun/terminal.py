"""What a person, or a program, sees of a command."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

_WIDTH_OF_A_FILE = 160

Style = Literal["rich", "plain", "json", "quiet"]


def style_of(*, as_json: bool, quiet: bool) -> Style:
    """How to show things: as was asked, else as the terminal can."""
    if as_json:
        return "json"
    if quiet:
        return "quiet"
    return "rich" if sys.stderr.isatty() else "plain"


class Terminal:
    """Progress to standard error, results to standard output, in one of four styles."""

    def __init__(self, style: Style = "quiet") -> None:
        self.style = style
        width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
        self._out = Console(file=sys.stdout, highlight=False, markup=False, width=width)
        self._err = Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        """A line for the person who watches."""
        if self.style == "json":
            self.event({"event": "message", "text": text})
        elif self.style != "quiet":
            self._err.print(text, soft_wrap=True)

    def event(self, facts: Mapping[str, object]) -> None:
        """Something that happened, as one JSON line where lines are JSON."""
        if self.style == "json":
            self._out.file.write(json.dumps(facts, default=str) + "\n")
            self._out.file.flush()

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A result as a table, or as one JSON line."""
        if self.style == "json":
            records = [dict(zip(columns, row, strict=True)) for row in rows]
            self.event({"event": "result", "name": title, "rows": records})
        elif self.style != "quiet":
            table = Table(title=title or None, title_justify="left", title_style="bold")
            texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
            # No name or identifier is broken, nor cut off: it may have to be pasted.
            least = [
                max(cell_len(word) for cell in cells for word in cell.split() or [""])
                for cells in zip(columns, *texts, strict=True)
            ]
            for column, width in zip(columns, least, strict=True):
                table.add_column(column, min_width=width)
            for row in texts:
                table.add_row(*row)
            room = self._out.width
            if sum(least) + 3 * len(least) + 1 > room:
                table.box, table.padding, table.pad_edge = None, (0, 1, 0, 0), False
            width = max(room, sum(least) + len(least))
            self._out.print(table, width=width, crop=False)

    def print(self, *shown: object) -> None:
        """A result that is text, or that rich draws."""
        Console(file=sys.stdout, highlight=False, soft_wrap=True).print(*shown)

"""The executed notebook as an .ipynb that Jupyter opens."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bundlerun.notebook.capture import CellOutput
from bundlerun.notebook.source import Cell, Notebook

REDACTED = "[REDACTED]"


class ExecutedNotebook:
    """The notebook's cells with what came of them; saved as often as is asked."""

    def __init__(
        self, notebook: Notebook, parameters: Mapping[str, str], secrets: Callable[[], set[str]]
    ) -> None:
        self._secrets = secrets
        self._cells = [_written(cell) for cell in notebook.cells]
        self._outputs: dict[int, CellOutput] = {}
        self.facts: dict[str, Any] = {
            "path": str(notebook.path),
            "parameters": dict(parameters),
            "started": _now(),
            "state": "RUNNING",
        }

    def begin(self, cell: Cell) -> CellOutput:
        """Where the outputs of a cell go that starts now."""
        written = self._cells[cell.number - 1]
        output = self._outputs[cell.number] = CellOutput()
        if written["cell_type"] == "code":
            written["execution_count"] = cell.number
            written["metadata"]["execution"] = {"iopub.execute_input": _now()}
        return output

    def end(self, cell: Cell) -> None:
        """Note that a cell is over."""
        execution = self._cells[cell.number - 1]["metadata"].get("execution")
        if execution is not None:
            execution["shell.execute_reply"] = _now()

    def finish(self, state: str, exit_value: str | None) -> None:
        """Note how the notebook ended."""
        self.facts |= {"state": state, "finished": _now(), "exit_value": exit_value}

    def save(self, file: Path) -> None:
        """Write the notebook as it is now; whoever reads sees the last one or this one whole."""
        text = json.dumps(self.redacted(self.as_json()), indent=1, ensure_ascii=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(text + "\n", encoding="utf-8")
        os.replace(part, file)  # noqa: PTH105 - atomic

    def as_json(self) -> dict[str, Any]:
        """The notebook in nbformat 4.5."""
        for number, output in self._outputs.items():
            if self._cells[number - 1]["cell_type"] == "code":
                self._cells[number - 1]["outputs"] = list(output.items)
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        metadata = {
            "kernelspec": kernel,
            "language_info": {"name": "python"},
            "bundlerun": self.facts,
        }
        return {"cells": self._cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}

    def redacted(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """The value without the secrets that the notebook fetched."""
        if isinstance(value, str):
            # The longest first: one secret may be part of another.
            for secret in sorted(self._secrets() - {""}, key=len, reverse=True):
                value = value.replace(secret, REDACTED)
            return value
        if isinstance(value, dict):
            return {key: self.redacted(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.redacted(item) for item in value]
        return value


def _written(cell: Cell) -> dict[str, Any]:
    """The cell as nbformat has it, before it ran."""
    is_markdown = cell.kind == "markdown"
    metadata = {"title": cell.title} if cell.title else {}
    written: dict[str, Any] = {
        "cell_type": "markdown" if is_markdown else "code",
        "id": f"cell-{cell.number}",
        "metadata": metadata,
        "source": cell.source if is_markdown else cell.written,
    }
    return written if is_markdown else written | {"execution_count": None, "outputs": []}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

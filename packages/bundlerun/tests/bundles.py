"""Bundles of a few lines, written for one test."""

from pathlib import Path
from textwrap import dedent

USER = {"LOGNAME": "Jane.Doe@example.com"}


def written(folder: Path, files: dict[str, str]) -> Path:
    """The folder with the files in it; `databricks.yml` gets a name if it has none."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def one(folder: Path, text: str) -> Path:
    """A bundle of a single file."""
    return written(folder, {"databricks.yml": text})

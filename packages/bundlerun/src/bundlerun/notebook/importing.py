"""Modules beside a notebook."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def importable_from(folder: Path) -> Iterator[None]:
    """Let modules of the folder be imported while the block lasts, before any others."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(str(folder))

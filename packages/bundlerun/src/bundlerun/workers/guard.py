"""Writes through Spark's API that Sail would get wrong, refused in tasks of the embedded engine.

Tried on Sail 0.7: an overwrite with a condition replaces the rows that do not meet it too, and the
version of an application is not looked at, so that an append is done twice.
"""

import re
from collections.abc import Callable
from typing import Any

from bundlerun.runner.errors import TaskError

_OPTIONS = {"replacewhere", "txnappid", "txnversion"}
_SQL = re.compile(r"\bINSERT\b[^;]*\bREPLACE\s+WHERE\b", re.I)


def guard_writes() -> None:
    """Refuse those writes from now on, in this process."""
    from pyspark.sql.connect.readwriter import DataFrameWriter, DataFrameWriterV2
    from pyspark.sql.connect.session import SparkSession

    for name in ("save", "saveAsTable", "insertInto"):
        _wrap(DataFrameWriter, name, _of_options)
    _wrap(DataFrameWriterV2, "overwrite", lambda *_: "overwrite with a condition")
    _wrap(SparkSession, "sql", _of_text)


def _of_options(writer: Any, *_: object) -> str | None:  # noqa: ANN401 - of pyspark
    options = writer._write.options  # noqa: SLF001 - pyspark has no other way
    return next((name for name in options if name.lower() in _OPTIONS), None)


def _of_text(_: object, text: object = "", *__: object) -> str | None:
    return "INSERT … REPLACE WHERE" if _SQL.search(str(text)) else None


def _wrap(cls: type, name: str, wrong: Callable[..., str | None]) -> None:
    original = getattr(cls, name)

    def guarded(self: object, *given: object, **named: object) -> object:
        found = wrong(self, *given, *named.values())
        if found is not None:
            message = f"expected a write that the embedded engine gets right, found {found}"
            raise TaskError(f'{message}: set engine = "spark" in bundlerun.toml')
        return original(self, *given, **named)

    setattr(cls, name, guarded)

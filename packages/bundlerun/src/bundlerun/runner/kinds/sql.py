"""SQL files: their statements one after another, with `:name` parameters."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundlerun.runner.model import Settings, text
from bundlerun.runner.output import Output
from bundlerun.runner.versions import TouchedTables, version_on_disk
from bundlerun.sql_text import statements, widget, with_texts, with_values
from bundlerun.workers.here import Here

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from bundlerun.config import Config
    from pocketlake import Lake

_MOST_ROWS = 1_000


def sql(here: Here, spec: Settings) -> Output:
    """Run the statements of the file; the rows of the last one are the task's output."""
    config = here.config
    lake = config.lake(here.session)
    parameters = {name: text(value) for name, value in (spec.get("parameters") or {}).items()}
    source = with_texts(Path(spec["file"]["path"]).read_text(encoding="utf-8"), parameters)
    touched = TouchedTables(config)
    named = list(_named(lake, [source, *parameters.values()]))
    lake.attach(named)
    _note(touched, config, named, ("read", "writing"))
    rows: list[Any] = []
    for statement in statements(source):
        print(f"-- {statement}")  # noqa: T201 - for the task's log
        created = widget(statement)
        if created is not None:
            parameters.setdefault(*created)
            continue
        frame = lake.spark.sql(with_values(statement, parameters))
        rows = _shown(frame)
    _note(touched, config, _named(lake, [source, *parameters.values()]), ("written",))
    output = {"rows": rows, "first_row": rows[0] if rows else {}}
    return Output(output=output, facts=touched.facts())


def _shown(frame: "DataFrame") -> list[Any]:
    """The rows of a result, printed and as JSON values; a command has none."""
    if not frame.columns:
        return []
    rows = [row.asDict(recursive=True) for row in frame.limit(_MOST_ROWS).collect()]
    for row in rows:
        print(json.dumps(row, default=str, ensure_ascii=False))  # noqa: T201 - see above
    return list(json.loads(json.dumps(rows, default=str)))


def _named(lake: "Lake", texts: list[str]) -> Iterator[tuple[str, str]]:
    """The tables on disk whose name is a word of one of the texts."""
    words = {word for part in texts for word in re.findall(r"\w+", part.lower())}
    return (pair for pair in lake.tables() if pair[1].lower() in words)


def _note(
    touched: TouchedTables,
    config: "Config",
    tables: Iterator[tuple[str, str]] | list[tuple[str, str]],
    kinds: tuple[str, ...],
) -> None:
    for schema, name in tables:
        version = version_on_disk(config, schema, name)
        for kind in kinds:
            touched.note(kind, f"{schema}.{name}", version)

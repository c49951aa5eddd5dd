"""The pages that are generated say what the declarations say."""

import inspect
import re
from pathlib import Path

from lyceum import settings
from lyceum.model.declared import tables
from lyceum.operations.docs import settings_page, tables_page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_are_those_of_the_declarations():
    """`make docs` renews them."""
    assert (DOCS / "tables.md").read_text(encoding="utf-8") == tables_page()
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_every_declared_column_is_on_the_page():
    page = tables_page()
    for table in tables():
        declared = [line for line in table.columns.splitlines() if line.strip()]
        section = page.split(f"## {table.name}\n")[1].split("\n## ")[0]
        assert section.count("\n| `") == len(declared)


def test_every_variable_that_is_read_is_on_the_page():
    read = re.findall(r'"((?:LYCEUM|SPARK)_[A-Z_]+)"', inspect.getsource(settings))
    assert len(read) > 5
    page = settings_page()
    assert [name for name in read if f"| `{name}` |" not in page] == []

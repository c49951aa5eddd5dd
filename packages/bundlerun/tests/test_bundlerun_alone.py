"""The package stands alone: it knows no Lyceum."""

import ast
from pathlib import Path

import bundlerun


def test_nothing_of_lyceum_is_imported():
    for file in Path(bundlerun.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "lyceum"], file

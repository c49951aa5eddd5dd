"""Lakes and tables for the tests, and children: processes of their own that read and write."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from pocketlake import Lake

ENGINE = os.environ.get("LYCEUM_TEST_ENGINE", "embedded")
OTHER_ENGINE = {"embedded": "spark", "spark": "embedded"}[ENGINE]
OTHER_PYTHON = os.environ.get(f"LYCEUM_{OTHER_ENGINE.upper()}_PYTHON")
needs_other_engine = pytest.mark.skipif(
    OTHER_PYTHON is None,
    reason=f"LYCEUM_{OTHER_ENGINE.upper()}_PYTHON names no Python that has the other engine",
)
_CHILDREN = Path(__file__).parent / "children.py"


@dataclass(frozen=True)
class Table:
    name: str
    columns: str
    keys: tuple[str, ...] = ("k",)
    comment: str = "One row a key"
    clustering: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()


THINGS = Table("silver.things", "k STRING NOT NULL COMMENT 'the key', n INT, m INT")


def session(engine: str = ENGINE) -> SparkSession:
    if engine == "embedded":
        from pocketlake.sessions import embedded_session

        return embedded_session()
    from pocketlake.reference.session import reference_session

    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return reference_session(Path(base, "lyceum"), java_home=os.environ.get("JAVA_HOME"))


def tuples(frame: DataFrame) -> list[tuple[object, ...]]:
    """The rows as tuples, in an order of their own."""
    return sorted((tuple(row) for row in frame.collect()), key=repr)


def things(lake: Lake, *rows: tuple[object, ...]) -> DataFrame:
    return lake.rows(THINGS, rows)


def version_of(lake: Lake, table: Table) -> int:
    version = lake.version(table)
    assert version is not None
    return version.number


def child(
    lake: Lake, action: str, *args: object, python: str | None = None, engine: str = ENGINE
) -> subprocess.Popen[str]:
    """A process in a group of its own that does one action of `children.py` on the same tables."""
    task = {
        "engine": engine, "warehouse": lake.warehouse, "schemas": dict(lake._schemas),
        "action": action, "args": args,
    }  # fmt: skip
    # Spark leaves the token of its server to its children, and Sail would be asked with it.
    environment = {n: v for n, v in os.environ.items() if "SPARK" not in n or "LYCEUM" in n}
    return subprocess.Popen(
        [python or sys.executable, str(_CHILDREN), json.dumps(task)],
        env={**environment, "LYCEUM_TEST_ENGINE": engine},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def answer(process: subprocess.Popen[str]) -> str:
    """What a child that went well printed last."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip().splitlines()[-1]

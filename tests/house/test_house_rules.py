"""Rules of the house that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

import lyceum

SOURCE = Path(lyceum.__file__).parent
PACKAGES = SOURCE.parents[1] / "packages"
# pocketlake/reference starts the server, which is in a JVM.
EVERYTHING = sorted(
    file
    for file in {*SOURCE.rglob("*.py"), *PACKAGES.glob("*/src/**/*.py")}
    if file.parent.name != "reference"
)
TRANSFORMS = ("bronze", "silver", "gold")
READERS = {"settings.py", "session.py"}
NOT_ON_SPARK_CONNECT = {"cache", "persist", "rdd", "sparkContext", "_jvm", "_jdf", "udf"}


def attributes(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("file", EVERYTHING, ids=lambda f: f.stem)
def test_nothing_that_serverless_compute_lacks_is_used(file):
    assert not attributes(file) & NOT_ON_SPARK_CONNECT


@pytest.mark.parametrize("layer", TRANSFORMS)
def test_a_transform_never_acts(layer):
    """No action, no session, no clock, no randomness."""
    acting = {"collect", "count_rows", "toPandas", "write", "writeTo", "sparkSession", "now", "sql"}
    acting |= {"current_timestamp", "rand", "randn", "uuid", "monotonically_increasing_id"}
    files = [f for f in (SOURCE / "systems").rglob("*.py") if layer in (f.stem, f.parent.name)]
    assert files
    for file in files:
        assert not attributes(file) & acting, file


def test_only_config_reads_the_environment():
    """`config.environ` is what it has read; anyone may look at that."""
    of_process = re.compile(r"\bos\.(environ|getenv)|from os import")
    sources = {f.name: f.read_text(encoding="utf-8") for f in SOURCE.rglob("*.py")}
    assert {f for f, source in sources.items() if of_process.search(source)} <= READERS


def modules_of_pipelines():
    """Our modules that the pipeline files import, and those that these import."""
    found, waiting = set(), sorted((SOURCE.parent / "pipelines").rglob("*.py"))
    while waiting:
        file = waiting.pop()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("lyceum."):
                module = SOURCE.parent / f"{str(node.module).replace('.', '/')}.py"
                rooms = {module.stem, module.parent.name}
                is_ours = module.exists() and rooms & {*TRANSFORMS, "quality"}
                if is_ours and module not in found:
                    found.add(module)
                    waiting.append(module)
    return sorted(found)


def test_transforms_of_pipelines_use_nothing_that_spark_connect_resolves_at_once():
    """The engine would not see which table is read, and not wait for it."""
    at_once = {"drop", "dropDuplicates", "fillna", "dropna", "toDF", "withColumns", "withColumn"}
    files = modules_of_pipelines()
    assert len(files) > 4
    for file in files:
        # Rows of the quarantine are mended by a job, not in a pipeline.
        used = attributes(file) - ({"withColumn"} if file.stem == "rules" else set())
        assert not used & at_once, file

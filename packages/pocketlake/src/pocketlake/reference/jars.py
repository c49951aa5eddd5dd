"""The Spark jars that `ivy.xml` pins, fetched once into a cache that all clones share."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from filelock import FileLock

from pocketlake.errors import LakeError
from pocketlake.reference.java import require_java

_IVY_FILE = Path(str(files("pocketlake.reference") / "ivy.xml"))


class JarsError(LakeError):
    """Spark's jars are not there and could not be fetched."""

    exit_code = 2


def jars(cache: Path, java: str) -> list[Path]:
    """Spark's jars; fetched into `cache` if they are not there."""
    spark_home()
    return jars_of(_IVY_FILE, "spark", cache=cache, java=java)


def jars_of(ivy_file: Path, configuration: str, *, cache: Path, java: str) -> list[Path]:
    """The jars of one configuration of an Ivy file; fetched into `cache` if they are not there.

    Only to fetch them Apache Spark has to be in this environment, as Ivy comes with it.
    """
    folder = cache / "jars" / f"{configuration}-{_digest(ivy_file)}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                _fetch(ivy_file, configuration, folder, cache / "ivy", java)
    return sorted(folder.glob("*.jar"))


def spark_home() -> Path:
    """The folder of Apache Spark in this environment, without importing it."""
    from importlib.util import find_spec

    spec = find_spec("pyspark")
    home = None if spec is None or spec.origin is None else Path(spec.origin).parent
    if home is None or not (home / "jars").is_dir():
        found = "nothing" if home is None else "its client alone"
        message = (
            f"expected Apache Spark in this environment, found {found}: use one of its own, with "
            "pocketlake[spark]"
        )
        raise JarsError(message)
    return home


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _fetch(ivy_file: Path, configuration: str, folder: Path, ivy_cache: Path, java: str) -> None:
    """Retrieve beside `folder`, then rename: a killed fetch leaves no half set."""
    ivy_jar = next((spark_home() / "jars").glob("ivy-*.jar"))
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}."))
    # fmt: off
    command = [
        java, "-jar", str(ivy_jar), "-ivy", str(ivy_file), "-confs", configuration,
        "-cache", str(ivy_cache), "-retrieve", f"{part}/[artifact]-[revision].[ext]",
    ]
    # fmt: on
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        shutil.rmtree(part)
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        message = f"expected the jars of {ivy_file.name} from the Maven registry, found {reason}"
        raise JarsError(message)
    part.rename(folder)


if __name__ == "__main__":
    jars(Path(sys.argv[1]), require_java(os.environ.get("JAVA_HOME")))

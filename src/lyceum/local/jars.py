"""The Spark jars that `ivy.xml` pins, fetched once into a cache that all clones share."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from filelock import FileLock

from lyceum.errors import LyceumError

_IVY_FILE = Path(str(files("lyceum.local") / "ivy.xml"))


class JarsError(LyceumError):
    """The jars could not be fetched."""


def jars(cache: Path, java: str, configuration: str = "spark") -> list[Path]:
    """The jars of one configuration of `ivy.xml`; fetched into `cache` if they are not there."""
    folder = cache / "jars" / f"{configuration}-{_digest(_IVY_FILE)}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                _fetch(folder, cache / "ivy", java, configuration)
    return sorted(folder.glob("*.jar"))


def class_archive() -> Path:
    """The JVM's class-data archive of this Python environment; of no use with other jars."""
    return Path(sys.prefix) / f"lyceum-spark-{_digest(_IVY_FILE)}.jsa"


def spark_home() -> Path:
    """The folder of the installed pyspark, without importing it."""
    from importlib.util import find_spec

    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        message = "expected pyspark in this environment, found none: pip install 'lyceum[local]'"
        raise JarsError(message)
    return Path(spec.origin).parent


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _fetch(folder: Path, ivy_cache: Path, java: str, configuration: str) -> None:
    """Retrieve beside `folder`, then rename: a killed fetch leaves no half set."""
    ivy_jar = next((spark_home() / "jars").glob("ivy-*.jar"))
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}."))
    # fmt: off
    command = [
        java, "-jar", str(ivy_jar), "-ivy", str(_IVY_FILE), "-confs", configuration,
        "-cache", str(ivy_cache), "-retrieve", f"{part}/[artifact]-[revision].[ext]",
    ]
    # fmt: on
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        shutil.rmtree(part)
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        message = f"expected the jars of {_IVY_FILE.name} from the Maven registry, found {reason}"
        raise JarsError(message)
    part.rename(folder)

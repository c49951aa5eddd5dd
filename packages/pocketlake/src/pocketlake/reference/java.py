"""Finding Java, and saying in one line what is wrong with it."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from pocketlake.errors import LakeError

_ADVICE = "install a JDK 17 (for example openjdk-17-jdk) and put it on PATH or set JAVA_HOME"


class JavaError(LakeError):
    """There is no Java that Spark can run on."""

    exit_code = 2


def java_command(java_home: str | None) -> str:
    """The java of `java_home`, else of PATH."""
    command = shutil.which(str(Path(java_home, "bin", "java")) if java_home else "java")
    if command is None:
        where = f"JAVA_HOME={java_home}" if java_home else "PATH"
        message = f"expected Java 17 or 21, found none by {where}: {_ADVICE}"
        raise JavaError(message)
    return command


@cache
def java_version(command: str) -> str:
    """The version string that a java prints, such as `17.0.15`."""
    done = subprocess.run([command, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r'version "([^"]+)"', done.stderr + done.stdout)
    return found.group(1) if found else "unknown"


def require_java(java_home: str | None) -> str:
    """The java to use; raises JavaError unless it is one that Spark 4.1 supports."""
    command = java_command(java_home)
    version = java_version(command)
    if version.split(".")[0] not in ("17", "21"):
        message = f"expected Java 17 or 21, found {version} at {command}: {_ADVICE}"
        raise JavaError(message)
    return command

"""What the environment of a task asks for and this one has not: uv installs it, once."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from glob import glob
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from threading import Lock

from bundlerun.runner.errors import TaskError
from bundlerun.runner.model import Job, Task

_GUARD = Lock()
_ERROR_LENGTH = 300


def missing(task: Task, job: Job) -> list[str]:
    """The requirements and wheels of a task that are not installed here."""
    lying = [name for pattern in wheel_libraries(task, job) for name in glob(pattern)]  # noqa: PTH207
    absent = [name for name in lying if not _has(Path(name).name.split("-")[0])]
    return [
        *absent,
        *(
            one
            for text in requirements(task, job)
            for one in _expanded(text)
            if not _satisfied(one)
        ),
    ]


def requirements(task: Task, job: Job) -> list[str]:
    """What a task asks for, as its environment and its libraries write it."""
    return [*_dependencies(task, job), *_libraries(task)]


def wheel_libraries(task: Task, job: Job) -> list[str]:
    """The wheel files that a task names, or that its environment has."""
    libraries = [entry["whl"] for entry in task.settings.get("libraries") or () if "whl" in entry]
    environments = [
        environment.get("spec") or {}
        for environment in job.settings.get("environments") or ()
        if environment.get("environment_key") == task.settings.get("environment_key")
    ]
    needed = [name for spec in environments for name in spec.get("dependencies") or ()]
    return [*libraries, *(name for name in needed if str(name).endswith(".whl"))]


def installed(needed: Sequence[str], cache: Path, environ: dict[str, str]) -> Path:
    """A folder with what is needed and what that needs; it is filled once.

    Versions are those of the packages that are here, where these fit.

    Raises:
        TaskError: Something cannot be had.
    """
    folder = cache / "environments" / _key(needed)
    with _GUARD:
        if folder.is_dir():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix="part-", dir=folder.parent))
        here = part / "here.txt"
        here.write_text("\n".join(sorted({f"{d.name}=={d.version}" for d in distributions()})))
        failed = _install(needed, part, environ, here) and _install(needed, part, environ, None)
        if failed:
            shutil.rmtree(part)
            names = ", ".join(Path(one).name for one in needed)
            raise TaskError(f"expected to install {names}, found that uv cannot: {failed}")
        try:
            part.rename(folder)
        except OSError:
            # Another process was faster.
            shutil.rmtree(part)
    return folder


def _install(
    needed: Sequence[str], part: Path, environ: dict[str, str], constraints: Path | None
) -> str | None:
    """Install into a folder; why it cannot be done."""
    from uv import find_uv_bin

    command = [find_uv_bin(), "pip", "install", "-q", "--python", sys.executable]
    command += ["--target", str(part / "site"), *needed]
    if constraints is not None:
        command += ["--constraint", str(constraints)]
    done = subprocess.run(  # noqa: S603 - what the bundle asks for
        command, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    told = " ".join(done.stderr.split())
    return told[:_ERROR_LENGTH] or "it does not say why" if done.returncode else None


def _key(needed: Sequence[str]) -> str:
    """What the folder's content depends on: names, wheels, the Python."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for one in sorted(needed):
        digest.update(Path(one).read_bytes() if one.endswith(".whl") else one.encode())
    return digest.hexdigest()[:16]


def _dependencies(task: Task, job: Job) -> Iterator[str]:
    for environment in job.settings.get("environments") or ():
        if environment.get("environment_key") == task.settings.get("environment_key"):
            for text in (environment.get("spec") or {}).get("dependencies") or ():
                yield str(text)


def _libraries(task: Task) -> Iterator[str]:
    for library in task.settings.get("libraries") or ():
        if "pypi" in library:
            yield str(library["pypi"]["package"])
        if "requirements" in library:
            yield f"-r {library['requirements']}"


def _expanded(text: str, folder: Path = Path()) -> Iterator[str]:
    """The requirements of a line; those of the file that it names. Wheels are found elsewhere."""
    flag, _, file = text.partition(" ")
    if flag in ("-r", "--requirement"):
        path = folder / file.strip()
        for line in path.read_text(encoding="utf-8").splitlines():
            kept = line.partition(" #")[0].strip()
            if kept and not kept.startswith("#"):
                yield from _expanded(kept, path.parent)
    elif not text.endswith(".whl"):
        yield text


def _satisfied(text: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        asked = Requirement(text)
    except InvalidRequirement:
        # An option, or a folder: only an installer knows what it means.
        return False
    if asked.marker is not None and not asked.marker.evaluate():
        return True
    if asked.url is not None or not _has(asked.name):
        return False
    return asked.specifier.contains(version(asked.name), prereleases=True)


def _has(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True

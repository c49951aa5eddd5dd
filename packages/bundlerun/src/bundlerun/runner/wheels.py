"""Entry points of wheels: installed here, or in the wheel that the bundle builds."""

import importlib
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from glob import glob
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from threading import RLock
from typing import Any

from bundlerun.runner.errors import TaskError
from bundlerun.runner.model import Settings


class Wheels:
    """The packages that a bundle's tasks name; a wheel is built at most once a run."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._artifacts = _wheel_artifacts(settings, folder)
        self._built = False
        self._guard = RLock()

    def problem(self, package: str, entry_point: str, libraries: Iterable[str] = ()) -> str | None:
        """Why an entry point cannot be had; None if it can, as far as is known before a build."""
        found = _installed(package)
        if found is not None:
            has_one = _registered(found, entry_point) or _function(package, entry_point)
            return None if has_one else f"package {package} has no entry point {entry_point}"
        is_lying = _wheel_files(package, libraries)
        if self._artifacts or is_lying or any(named(package, one) for one in libraries):
            return None
        return f"package {package} is not installed, and the bundle builds no wheel"

    def path(
        self, package: str, libraries: Iterable[str], write: Callable[[str], object]
    ) -> list[str]:
        """What has to be on the path of Python to import a package; nothing if it is installed."""
        if _installed(package) is not None:
            return []
        with self._guard:
            files = _wheel_files(package, libraries) or self._build(package, write)
        if not files:
            raise TaskError(f"expected a wheel of package {package}, found none: build it")
        return [str(max(files, key=lambda file: file.stat().st_mtime))]

    def _build(self, package: str, write: Callable[[str], object]) -> list[Path]:
        if not self._built:
            for artifact in self._artifacts:
                _run_build(artifact, write)
            self._built = True
        found = [str(artifact.folder / "dist" / "*.whl") for artifact in self._artifacts]
        return _wheel_files(package, [*found, *(f for a in self._artifacts for f in a.files)])


def entry_point(package: str, name: str) -> Callable[[], object]:
    """The function to call: a registered entry point, else a function of the package."""
    found = _installed(package)
    registered = None if found is None else _registered(found, name)
    if registered is not None:
        return registered.load()  # type: ignore[no-any-return]
    function = _function(package, name)
    if function is None:
        message = f"expected package {package} to have an entry point {name}, found none"
        raise TaskError(message)
    return function


class _Artifact:
    """A wheel that a bundle builds."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder / (settings.get("path") or ".")
        self.command = settings.get("build")
        self.files = [str(self.folder / f["source"]) for f in settings.get("files") or ()]


def _wheel_artifacts(settings: Settings, folder: Path) -> list[_Artifact]:
    artifacts: Mapping[str, Any] = settings.get("artifacts") or {}
    return [_Artifact(a, folder) for a in artifacts.values() if a.get("type", "whl") == "whl"]


def _run_build(artifact: _Artifact, write: Callable[[str], object]) -> None:
    if not artifact.command:
        return
    done = subprocess.run(  # noqa: S602 - a bundle's build is a shell command
        artifact.command,
        shell=True,
        cwd=artifact.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    write(f"{done.stdout}\n{done.stderr}\n")
    if done.returncode:
        message = f"expected {artifact.command!r} to build a wheel, it ended with {done.returncode}"
        raise TaskError(f"{message}: {done.stderr.strip()[-300:]}")


def _installed(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except PackageNotFoundError:
        return None


def _registered(found: Distribution, name: str) -> Any:  # noqa: ANN401 - EntryPoint or None
    named = [point for point in found.entry_points if point.name == name]
    scripts = [point for point in named if point.group == "console_scripts"]
    return next(iter(scripts or named), None)


def _function(package: str, name: str) -> Callable[[], object] | None:
    """The function of that name in the package itself."""
    try:
        module = importlib.import_module(package.replace("-", "_"))
    except ImportError:
        return None
    function: Callable[[], object] | None = getattr(module, name, None)
    return function if callable(function) else None


def named(package: str, requirement: str) -> bool:
    """Whether a requirement, or the name of a wheel, is one of the package.

    >>> named("my-shop", "dist/my_shop-1-py3-none-any.whl"), named("shop", "Shop>=2")
    (True, True)
    """
    name = re.split(r"[-\s\[<>=!~;@]", Path(requirement).name, maxsplit=1)[0]
    if not requirement.endswith(".whl"):
        name = re.split(r"[\s\[<>=!~;@]", requirement, maxsplit=1)[0]
    return _normal(name) == _normal(package)


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "_", package).lower()


def _wheel_files(package: str, patterns: Iterable[str]) -> list[Path]:
    """The wheels of the package among the files that patterns match."""
    prefix = _normal(package)
    files = [Path(name) for pattern in patterns for name in glob(pattern)]  # noqa: PTH207
    return [file for file in files if file.name.lower().split("-")[0].replace(".", "_") == prefix]

"""What a bundle's pipeline resource asks for: its files, and what they are run with."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundlerun.pipelines.errors import PipelineError


class PipelineSettingsError(PipelineError):
    """A pipeline resource that cannot be run here."""


@dataclass(frozen=True)
class PipelineSettings:
    """A pipeline, as far as it is of interest on one machine."""

    key: str
    """Its key among the pipelines of the bundle; the name is for people."""
    name: str
    root: Path
    files: tuple[Path, ...]
    schema: str
    configuration: Mapping[str, str]


def pipeline_settings(
    key: str, settings: Mapping[str, object], *, folder: Path
) -> PipelineSettings:
    """A resolved pipeline resource; relative paths start from the bundle's folder.

    Raises:
        PipelineSettingsError: It asks for what cannot be run here.
    """
    name = str(settings.get("name") or key)
    if settings.get("continuous"):
        message = f"expected pipeline {name} to be triggered, found continuous: true: run it so"
        raise PipelineSettingsError(message)
    root = folder / str(settings.get("root_path") or ".")
    configuration = settings.get("configuration") or {}
    assert isinstance(configuration, Mapping)  # noqa: S101 - the bundle's schema says so
    return PipelineSettings(
        key=key,
        name=name,
        root=root.resolve(),
        files=tuple(_files(settings, folder=folder, root=root, name=name)),
        schema=str(settings.get("schema") or settings.get("target") or "default"),
        configuration={str(k): _text(v) for k, v in configuration.items()},
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _files(
    settings: Mapping[str, object], *, folder: Path, root: Path, name: str
) -> Iterator[Path]:
    """Every source file that the libraries name, in their order, once."""
    libraries = settings.get("libraries") or []
    assert isinstance(libraries, Sequence)  # noqa: S101 - the bundle's schema says so
    found = [file for entry in libraries for file in _library(entry, folder, root, name)]
    if not found:
        message = f"expected libraries of pipeline {name} to name .py or .sql files, found none"
        raise PipelineSettingsError(message)
    return iter(dict.fromkeys(found))


def _library(
    entry: Mapping[str, Mapping[str, str]], folder: Path, root: Path, name: str
) -> list[Path]:
    [(kind, value)] = entry.items()
    if kind not in ("file", "glob", "notebook"):
        message = (
            f"expected libraries of pipeline {name} to be file, glob or notebook, found {kind}"
        )
        raise PipelineSettingsError(message)
    if kind == "glob":
        return _matching(folder, root, value["include"])
    return [_source_file(folder / value["path"], name)]


def _matching(folder: Path, root: Path, pattern: str) -> list[Path]:
    """The source files of a glob; it starts from the root, else from the bundle's file."""
    base, _, rest = pattern.partition("*")
    start = Path(base[: base.rfind("/") + 1])
    inner = base[base.rfind("/") + 1 :] + ("*" + rest if "*" in pattern else "")
    inner = f"{inner}/*" if inner.endswith("**") else inner
    for at in (folder / start, root / start):
        files = sorted(at.glob(inner)) if at.is_dir() else []
        sources = [f.resolve() for f in files if f.suffix in (".py", ".sql")]
        if sources:
            return [f for f in sources if f.name != "__init__.py"]
    return []


def _source_file(path: Path, name: str) -> Path:
    """The file of a library; a notebook may be named without its suffix."""
    candidates = (path, path.with_name(f"{path.name}.py"), path.with_name(f"{path.name}.sql"))
    file = next((c.resolve() for c in candidates if c.is_file()), None)
    if file is None:
        message = f"expected the file {path} of pipeline {name}, found none"
        raise PipelineSettingsError(message)
    if file.suffix not in (".py", ".sql"):
        message = f"expected {file} of pipeline {name} to be .py or .sql: convert it"
        raise PipelineSettingsError(message)
    magics = re.findall(r"^# MAGIC (%(?!md)\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    if magics:
        message = f"expected Python alone in {file} of pipeline {name}, found {magics[0]}"
        raise PipelineSettingsError(message)
    return file

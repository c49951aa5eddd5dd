"""Paths of a workspace as they are here: its copy of the bundle is the bundle's own folder."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bundlerun.bundle import Bundle

_VOLUME = re.compile(r"(?<![\w/.-])(?:dbfs:)?/Volumes/")
_STAND_IN = re.compile(r"(?<![\w.])(?:resources\.[a-z_]+|lookup)\.[\w-]+(?:\.\w+)?")
_STARTS = ("schedule", "trigger")
_IDENTIFIERS = ("pipeline_id", "job_id", "warehouse_id")


def on_this_machine(bundle: Bundle, files: Path) -> Bundle:
    """The bundle with its workspace's paths replaced; `files` is where volumes are here."""
    uploaded = str((bundle.settings.get("workspace") or {}).get("file_path") or "/Workspace/-")
    of_bundle = re.compile(rf"{re.escape(uploaded)}(?=/|$)")

    def here(value: Any) -> Any:  # noqa: ANN401 - settings are any JSON
        if isinstance(value, str):
            value = of_bundle.sub(lambda _: str(bundle.folder), value)
            return _VOLUME.sub(lambda _: f"{files}/Volumes/", value)
        if isinstance(value, Mapping):
            return {key: here(inner) for key, inner in value.items()}
        return [here(inner) for inner in value] if isinstance(value, list) else value

    jobs = {
        key: {name: value if name in _STARTS else here(value) for name, value in job.items()}
        for key, job in bundle.jobs.items()
    }
    return replace(bundle, jobs=jobs, pipelines=here(bundle.pipelines))


def elsewhere(value: object, name: str = "") -> Iterator[str]:
    """What in a task's settings only a workspace knows: its paths, identifiers of resources."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from elsewhere(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from elsewhere(inner, name)
    elif isinstance(value, str) and name not in _IDENTIFIERS:
        if value.startswith("/Workspace/"):
            yield f"{value} is of a workspace: name a file of the bundle"
        found = _STAND_IN.search(value)
        if found:
            yield f"${{{found[0]}}} is known in a workspace alone"

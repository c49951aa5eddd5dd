"""Checks a bundle offline: what a deployment or a run would stumble over."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bundlerun.bundle.checks.files import files
from bundlerun.bundle.checks.graph import graph
from bundlerun.bundle.checks.production import production
from bundlerun.bundle.checks.repeated import repeated
from bundlerun.bundle.checks.schedules import schedules
from bundlerun.bundle.checks.schema import fits_schema
from bundlerun.bundle.checks.typed import kinds, typed
from bundlerun.bundle.checks.values import values
from bundlerun.bundle.checks.wheels import Complaint, wheels
from bundlerun.bundle.checks.written import written
from bundlerun.bundle.errors import BundleError, Problem, listed
from bundlerun.bundle.reader import configuration_files, load_bundle, target_names, together

_CHECKS = (typed, graph, values, schedules, files, production)


def check_bundle(
    folder: Path,
    target: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    complaint: Complaint | None = None,
    schema: Path | None = None,
) -> list[Problem]:
    """Everything that is wrong with a bundle, for one target or for all of them.

    `complaint` says what an entry point finds wrong with its arguments; `schema` is the file of a
    JSON schema that every file has to fit.
    """
    try:
        read = configuration_files(folder)
        root = together(read)
    except BundleError as error:
        return list(error.problems)
    found = [*written(root), *kinds(root), *repeated(read)]
    if schema is not None:
        found += fits_schema(read, schema)
    targets = [target] if target else target_names(root)
    for_target = partial(_of_target, folder, environ=environ, complaint=complaint)
    found += _said_once({name: for_target(name) for name in targets})
    return sorted(set(found))


def contents(
    folder: Path, target: str | None = None, *, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a bundle has: its name, its targets (or the one that is asked for), its resources."""
    targets = [target] if target else target_names(together(configuration_files(folder)))
    bundle = load_bundle(folder, target=targets[0], environ=environ)
    kinds = bundle.settings.get("resources") or {}
    counts = {kind: len(resources) for kind, resources in kinds.items() if resources}
    return {"bundle": bundle.name, "targets": targets, "resources": counts}


def _of_target(
    folder: Path,
    target: str,
    *,
    environ: Mapping[str, str] | None,
    complaint: Complaint | None,
) -> list[Problem]:
    try:
        bundle = load_bundle(folder, target=target, environ=environ)
    except BundleError as error:
        return list(error.problems)
    found = [problem for check in _CHECKS for problem in check(bundle)]
    return [*found, *wheels(bundle, complaint)]


def _said_once(found: Mapping[str, Sequence[Problem]]) -> Iterator[Problem]:
    """A problem that all targets have, once; one of some of them, with their names."""
    targets: dict[Problem, list[str]] = defaultdict(list)
    for target, problems in found.items():
        for problem in dict.fromkeys(problems):
            targets[problem].append(target)
    for problem, names in targets.items():
        of_some = f" (target {listed(names)})" if len(names) < len(found) else ""
        yield replace(problem, message=problem.message + of_some)

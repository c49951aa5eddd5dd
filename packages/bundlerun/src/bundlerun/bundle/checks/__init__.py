"""Checks a bundle offline: what a deployment or a run would stumble over."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from bundlerun.bundle.checks.files import files
from bundlerun.bundle.checks.graph import graph
from bundlerun.bundle.checks.jobs import jobs
from bundlerun.bundle.checks.plain_secrets import plain_secrets
from bundlerun.bundle.checks.production import production
from bundlerun.bundle.checks.repeated import repeated
from bundlerun.bundle.checks.schedules import schedules
from bundlerun.bundle.checks.schema import fits_schema
from bundlerun.bundle.checks.tasks import entries
from bundlerun.bundle.checks.typed import kinds, typed
from bundlerun.bundle.checks.unknown import unknown
from bundlerun.bundle.checks.values import values
from bundlerun.bundle.checks.wheels import Complaint, wheels
from bundlerun.bundle.checks.written import constants, written
from bundlerun.bundle.errors import BundleError, Problem, UnknownTargetError, listed
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.reader import configuration_files, load_bundle, target_names, together

_CHECKS = (typed, graph, values, schedules, files, jobs)
POLICIES = ("constants", "production")
"""What a house may ask for: names in variables, and what production has to have."""


def check_bundle(
    folder: Path,
    target: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    complaint: Complaint | None = None,
    schema: Path | None = None,
    policy: Collection[str] = (),
) -> list[Problem]:
    """Everything that is wrong with a bundle, for one target or for all of them.

    Args:
        folder: The bundle.
        target: Only this one.
        environ: The environment, which may set variables of the bundle.
        variables: Variables of the bundle that are given.
        complaint: Says what an entry point finds wrong with its arguments.
        schema: File of a JSON schema that every file has to fit.
        policy: What of `POLICIES` the house asks for.

    Raises:
        UnknownTargetError: The bundle has no such target.
    """
    try:
        read = configuration_files(folder)
        root = together(read)
    except BundleError as error:
        return list(error.problems)
    found = [*written(root), *unknown(root), *kinds(root), *repeated(read), *plain_secrets(root)]
    found += _without_files(root, folder)
    if "constants" in policy:
        found += map(_of_policy, constants(root))
    if schema is not None:
        found += fits_schema(read, schema)
    targets = [target] if target else target_names(root)
    for_target = partial(
        _of_target,
        folder,
        environ=environ,
        variables=variables,
        complaint=complaint,
        policy=policy,
    )
    found += _said_once({name: for_target(name) for name in targets})
    return sorted(set(found))


def contents(
    folder: Path,
    target: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What a bundle has: its name, its targets (or the one that is asked for), its resources."""
    targets = [target] if target else target_names(together(configuration_files(folder)))
    bundle = load_bundle(folder, target=targets[0], environ=environ, variables=variables)
    kinds = bundle.settings.get("resources") or {}
    counts = {kind: len(resources) for kind, resources in kinds.items() if resources}
    return {"bundle": bundle.name, "targets": targets, "resources": counts}


def _of_target(
    folder: Path,
    target: str,
    *,
    environ: Mapping[str, str] | None,
    variables: Mapping[str, str] | None,
    complaint: Complaint | None,
    policy: Collection[str],
) -> list[Problem]:
    try:
        bundle = load_bundle(folder, target=target, environ=environ, variables=variables)
    except UnknownTargetError:
        raise
    except BundleError as error:
        return list(error.problems)
    found = [problem for check in _CHECKS for problem in check(bundle)]
    if "production" in policy:
        found += map(_of_policy, production(bundle))
    return [*found, *wheels(bundle, complaint)]


def _of_policy(problem: Problem) -> Problem:
    return replace(problem, severity="policy")


def _without_files(root: Node, folder: Path) -> Iterator[Problem]:
    """Patterns of included files that nothing fits."""
    for entry in entries(root, "include"):
        pattern = str(entry.value)
        if has_magic(pattern) and not glob(pattern, root_dir=folder):  # noqa: PTH207 - as read
            message = f"expected files that fit {pattern}, found none"
            yield Problem.at(entry.position, message, "warning")


def _said_once(found: Mapping[str, Sequence[Problem]]) -> Iterator[Problem]:
    """A problem that all targets have, once; one of some of them, with their names."""
    targets: dict[Problem, list[str]] = defaultdict(list)
    for target, problems in found.items():
        for problem in dict.fromkeys(problems):
            targets[problem].append(target)
    for problem, names in targets.items():
        of_some = f" (target {listed(names)})" if len(names) < len(found) else ""
        yield replace(problem, message=problem.message + of_some)

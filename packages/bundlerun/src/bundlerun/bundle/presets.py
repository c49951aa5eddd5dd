"""What a target's mode, its presets and the CLI's defaults make of the resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bundlerun.bundle.errors import BundleError, Position
from bundlerun.bundle.nodes import Node, planted, planted_at
from bundlerun.bundle.workspace import normalised

_PREFIXED = {
    "jobs": "name",
    "pipelines": "name",
    "experiments": "name",
    "models": "name",
    "sql_warehouses": "name",
    "clusters": "cluster_name",
    "dashboards": "display_name",
    "alerts": "display_name",
    "genie_spaces": "title",
}
_PREFIXED_NORMALISED = ("schemas", "registered_models", "model_serving_endpoints")
_TRIGGERS = ("schedule", "trigger", "continuous")
_JOB_LEVELS = {"CAN_RUN": "CAN_MANAGE_RUN"}
_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "jobs": {"name": "Untitled", "max_concurrent_runs": 1, "queue": {"enabled": True}},
    "pipelines": {"edition": "ADVANCED", "channel": "CURRENT"},
    "volumes": {"volume_type": "MANAGED"},
}


@dataclass(frozen=True)
class Presets:
    """The presets of a target, with those that its mode implies."""

    name_prefix: str
    tags: Mapping[str, str]
    trigger_pause_status: str
    jobs_max_concurrent_runs: int | None
    pipelines_development: bool
    prefixes_schemas: bool

    @classmethod
    def of(cls, root: Node) -> "Presets":
        """The presets of a configuration whose references are resolved."""
        given = _plain(root, "presets")
        mode = _plain(root, "bundle").get("mode")
        if mode not in (None, "development", "production"):
            message = f"expected mode to be development or production, found {mode!r}"
            raise BundleError.at(root.nearest(("bundle", "mode")), message)
        if mode == "development":
            user = _plain(root, "workspace")["current_user"]["short_name"]
            given = _development(user) | {k: v for k, v in given.items() if v not in (None, "")}
            given["tags"] = {"dev": user} | (given.get("tags") or {})
        status = given.get("trigger_pause_status") or ""
        if status not in ("", "PAUSED", "UNPAUSED"):
            where = root.nearest(("presets", "trigger_pause_status"))
            raise BundleError.at(where, f"expected PAUSED or UNPAUSED, found {status!r}")
        return cls(
            name_prefix=given.get("name_prefix") or "",
            tags=given.get("tags") or {},
            trigger_pause_status=status,
            jobs_max_concurrent_runs=given.get("jobs_max_concurrent_runs"),
            pipelines_development=bool(given.get("pipelines_development")),
            prefixes_schemas=not _plain(root, "experimental").get("skip_name_prefix_for_schema"),
        )


def _development(user: str) -> dict[str, Any]:
    return {
        "name_prefix": f"[dev {user}] ",
        "jobs_max_concurrent_runs": 4,
        "trigger_pause_status": "PAUSED",
        "pipelines_development": True,
    }


def with_presets(root: Node) -> Node:
    """The root with its identity, presets, defaults and permissions on every resource."""
    presets = Presets.of(root)
    for kind, resources in _resources(root).items():
        for key, resource in resources.fields.items():
            if resource.fields:
                changed = _resource(kind, resource, root, presets)
                root = planted_at(root, ("resources", kind, key), changed)
    return root


def _resource(kind: str, resource: Node, root: Node, presets: Presets) -> Node:
    if kind in ("jobs", "pipelines"):
        resource = _with_identity(kind, resource, root)
    resource = _with_prefix(kind, resource, presets)
    if kind in ("jobs", "pipelines"):
        for tag, value in presets.tags.items():
            resource = _with_default(resource, ("tags", tag), str(value))
    if kind == "jobs":
        resource = _with_job_presets(resource, presets)
    if kind == "pipelines":
        resource = _with_pipeline_presets(resource, presets)
    for field, default in _DEFAULTS.get(kind, {}).items():
        resource = _with_default(resource, (field,), default)
    return resource


def _with_identity(kind: str, resource: Node, root: Node) -> Node:
    """Who it runs as and who may do what with it, unless it says so itself."""
    run_as = root.child("run_as")
    if run_as is not None and resource.child("run_as") is None:
        resource = planted_at(resource, ("run_as",), run_as)
    shared = root.child("permissions")
    if shared is None or not shared.entries:
        return resource
    own = resource.child("permissions") or Node([], shared.position)
    known = {_principal(entry) for entry in own.entries}
    further = [_level(kind, entry) for entry in shared.entries if _principal(entry) not in known]
    everything = Node([*own.entries, *further], own.position)
    return planted_at(resource, ("permissions",), everything)


def _principal(permission: Node) -> str:
    """Whom a permission is for; what a resource says of somebody comes before what all share."""
    return str({k: node.plain() for k, node in permission.fields.items() if k != "level"})


def _level(kind: str, permission: Node) -> Node:
    level = permission.child("level")
    if kind != "jobs" or level is None or level.value not in _JOB_LEVELS:
        return permission
    name = _JOB_LEVELS[str(level.value)]
    return planted_at(permission, ("level",), planted(name, level.position))


def _with_prefix(kind: str, resource: Node, presets: Presets) -> Node:
    prefix = presets.name_prefix
    field = _PREFIXED.get(kind, "name")
    if kind in _PREFIXED_NORMALISED:
        prefix = normalised_prefix(prefix)
    elif kind not in _PREFIXED:
        return resource
    if not prefix or (kind == "schemas" and not presets.prefixes_schemas):
        return resource
    name = resource.child(field)
    position = name.position if name else resource.position
    text = str(name.value) if name else ""
    return planted_at(resource, (field,), planted(prefix + text, position))


def normalised_prefix(prefix: str) -> str:
    """The prefix as it may stand in the name of a schema.

    >>> normalised_prefix("[dev jane_doe] ")
    'dev_jane_doe_'
    """
    text = prefix.replace("[", "").strip(" ")
    return normalised(text) + ("_" if text.endswith("]") else "")


def _with_job_presets(job: Node, presets: Presets) -> Node:
    runs = presets.jobs_max_concurrent_runs
    if runs:
        job = _with_default(job, ("max_concurrent_runs",), runs)
    for trigger in _TRIGGERS:
        if job.child(trigger) is not None:
            status = presets.trigger_pause_status or "UNPAUSED"
            job = _with_default(job, (trigger, "pause_status"), status)
    return job


def _with_pipeline_presets(pipeline: Node, presets: Presets) -> Node:
    if presets.pipelines_development:
        pipeline = _set(pipeline, "development", value=True)
    if presets.trigger_pause_status == "PAUSED" and pipeline.child("continuous") is not None:
        pipeline = _set(pipeline, "continuous", value=False)
    return pipeline


def _set(node: Node, field: str, *, value: object) -> Node:
    return planted_at(node, (field,), planted(value, node.position))


def _with_default(node: Node, path: tuple[str, ...], value: object) -> Node:
    existing = node.find(*path)
    if existing is not None and existing.value not in (None, ""):
        return node
    position: Position = node.nearest(path)
    return planted_at(node, path, planted(value, position))


def _resources(root: Node) -> Mapping[str, Node]:
    return (root.child("resources") or Node({}, root.position)).fields


def _plain(root: Node, field: str) -> dict[str, Any]:
    return (root.child(field) or Node({}, root.position)).plain() or {}

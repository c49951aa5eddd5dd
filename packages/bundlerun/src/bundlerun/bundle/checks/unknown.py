"""Keys that mean nothing, where no resource is: what a typing error leaves is ignored silently."""

from collections.abc import Iterator
from difflib import get_close_matches

from bundlerun.bundle.errors import Problem, Severity
from bundlerun.bundle.nodes import Node

_RUN_AS = "group_name service_principal_name user_name"
_BUNDLE = "cluster_id compute_id databricks_cli_version deployment engine git name uuid"
_WORKSPACE = (
    "account_id artifact_path auth_type azure_client_id azure_environment azure_login_app_id"
    " azure_tenant_id azure_use_msi azure_workspace_resource_id client_id file_path"
    " google_service_account host profile resource_path root_path state_path workspace_id"
)
_PRESETS = (
    "artifacts_dynamic_version catalog jobs_max_concurrent_runs name_prefix pipelines_development"
    " schema source_linked_deployment tags trigger_pause_status"
)
_SHARED = "artifacts bundle permissions presets resources run_as sync variables workspace"
_KEYS = {
    (): f"{_SHARED} environments experimental include python scripts targets",
    ("bundle",): _BUNDLE,
    ("bundle", "git"): "branch commit origin_url",
    ("bundle", "deployment"): "fail_on_active_runs lock",
    ("workspace",): _WORKSPACE,
    ("presets",): _PRESETS,
    ("run_as",): _RUN_AS,
    ("sync",): "exclude include paths",
    ("artifacts", "*"): "build dynamic_version executable files path type",
    ("targets", "*"): f"{_SHARED} cluster_id compute_id default git mode",
}
"""The keys of a configuration by where they stand; `*` is any name."""
_VARIABLE = "default description lookup type"
_LOOKUP = (
    "alert cluster cluster_policy dashboard instance_pool job metastore notification_destination"
    " pipeline query service_principal warehouse"
)


def unknown(root: Node) -> Iterator[Problem]:
    """Keys that a bundle does not have."""
    for path, names in _KEYS.items():
        yield from _within(root, path, names)
        if path and path != ("targets", "*"):
            yield from _within(root, ("targets", "*", *path), names)
    yield from _within(root, ("variables", "*"), _VARIABLE)
    yield from _within(root, ("variables", "*", "lookup"), _LOOKUP)


def _within(root: Node, path: tuple[str, ...], names: str) -> Iterator[Problem]:
    known = names.split()
    where = ".".join(path) or "a bundle"
    for node in _at(root, path):
        for key, below in node.fields.items():
            if key in known:
                continue
            close = get_close_matches(str(key), known, n=1)
            hint = f": is it {close[0]}?" if close else ""
            # Without a likely meaning it may be of a newer version.
            severity: Severity = "error" if close else "warning"
            yield Problem.at(below.position, f"{where} has no key {key!r}{hint}", severity)


def _at(node: Node, path: tuple[str, ...]) -> Iterator[Node]:
    if not path:
        yield node
        return
    name, *rest = path
    below = node.fields.values() if name == "*" else filter(None, [node.child(name)])
    for one in below:
        yield from _at(one, tuple(rest))

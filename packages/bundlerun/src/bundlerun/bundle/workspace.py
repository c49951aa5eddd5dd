"""What a bundle may refer to without declaring it: its target, its git commit, its user's paths."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bundlerun.bundle.nodes import Node, planted, planted_at
from bundlerun.bundle.references import strings
from bundlerun.config import login

_PATHS = {
    "file_path": "files",
    "artifact_path": "artifacts",
    "state_path": "state",
    "resource_path": "resources",
}
_DEFAULT_ROOT = "~/.bundle/${bundle.name}/${bundle.target}"


def with_facts(root: Node, *, folder: Path, target: str, environ: Mapping[str, str]) -> Node:
    """The root with the values that every bundle has."""
    user = _user(environ)
    facts: dict[tuple[str, ...], object] = {
        ("bundle", "target"): target,
        ("bundle", "environment"): target,
        ("workspace", "current_user"): user,
    }
    if any("${bundle.git." in text for _, text, _ in strings(root)):
        declared = root.find("bundle", "git")
        facts["bundle", "git"] = _git(folder) | (declared.plain() if declared else {})
    for path, value in facts.items():
        root = planted_at(root, path, planted(value, root.position))
    return _with_paths(root, str(user["userName"]))


def _with_paths(root: Node, user: str) -> Node:
    """Workspace paths: what is not set lies under `root_path`, `~` is the user's folder."""
    paths = {"root_path": _DEFAULT_ROOT}
    paths |= {name: f"${{workspace.root_path}}/{folder}" for name, folder in _PATHS.items()}
    paths |= dict.fromkeys(("host", "profile"), "")
    for name, default in paths.items():
        node = root.find("workspace", name) or planted(default, root.position)
        text = str(node.value or default)
        if text.startswith("~/"):
            text = f"/Workspace/Users/{user}/{text[2:]}"
        elif text.startswith(("/Users/", "/Shared/")):
            text = f"/Workspace{text}"
        root = planted_at(root, ("workspace", name), planted(text, node.position))
    return root


def _user(environ: Mapping[str, str]) -> dict[str, str]:
    """On one machine the workspace's user is the operating system's."""
    name = environ.get("LOGNAME") or environ.get("USER") or login()
    short = normalised(name.partition("@")[0])
    friendly = short.replace("_", "-")
    return {"userName": name, "short_name": short, "domain_friendly_name": friendly}


def normalised(name: str) -> str:
    """The name in lower case, with one underscore for what is neither letter nor digit.

    >>> normalised("Jane.Doe--2")
    'jane_doe_2'
    """
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def _git(folder: Path) -> dict[str, str]:
    return {
        "branch": _git_says(folder, "rev-parse", "--abbrev-ref", "HEAD"),
        "commit": _git_says(folder, "rev-parse", "HEAD"),
        "origin_url": _git_says(folder, "config", "--get", "remote.origin.url"),
        "bundle_root_path": _git_says(folder, "rev-parse", "--show-prefix") or ".",
    }


def _git_says(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

"""Which files the commits of a Delta table added, from its log on a disk."""

import json
from pathlib import Path
from urllib.parse import unquote


def added_files(
    location: str | None, since: int, until: int, *, skip_changes: bool
) -> list[str] | None:
    """The files of the rows that the versions after `since`, up to `until`, appended.

    Args:
        location: The table's folder.
        since: A version that does not count.
        until: The last version that does.
        skip_changes: Leave out versions that removed rows too, instead of answering None.

    Returns:
        None if a version removed rows, or the log does not tell.
    """
    if location is None or "://" in location:
        return None
    files: list[str] = []
    for version in range(since + 1, until + 1):
        entry = Path(location, "_delta_log", f"{version:020}.json")
        if not entry.exists():
            return None
        lines = entry.read_text(encoding="utf-8").splitlines()
        found = _of_version([json.loads(line) for line in lines], location)
        if found is not None:
            files += found
        elif not skip_changes:
            return None
    return files if all(Path(file).exists() for file in files) else None


def _of_version(actions: list[dict[str, dict[str, object]]], location: str) -> list[str] | None:
    """The files that a version appended; None if it removed rows, or has rows otherwise."""
    changes = [action for kind in ("add", "remove") for action in _of(actions, kind)]
    if any(a.get("deletionVector") or a.get("partitionValues") for a in changes):
        return None
    if any(a.get("dataChange", True) for a in _of(actions, "remove")):
        return None
    added = [a for a in _of(actions, "add") if a.get("dataChange", True)]
    return [str(Path(location, unquote(str(a["path"])))) for a in added]


def _of(actions: list[dict[str, dict[str, object]]], kind: str) -> list[dict[str, object]]:
    return [action[kind] for action in actions if kind in action]

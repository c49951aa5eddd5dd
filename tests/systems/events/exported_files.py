"""What a consumer makes of the files of an export."""

import csv
import json
from pathlib import Path


def lines_of(path: Path) -> list[list[str]]:
    """The records of a file, the header among them."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="|", strict=True))


def consumed(out: Path, table: str) -> dict[str, str]:
    """What a consumer has that took every manifest in order: key and second column."""
    manifests = [json.loads(path.read_text()) for path in out.glob("manifest_*")]
    rows: dict[str, str] = {}
    for manifest in sorted(manifests, key=lambda one: one["started_at"]):
        (entry,) = [entry for entry in manifest["files"] if entry["table"] == table]
        for (key,) in entry.get("removed", []):
            del rows[key]
        rows |= {row[0]: row[1] for row in lines_of(out / entry["name"])[1:]}
    return rows

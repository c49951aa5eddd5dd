"""What the peers of the event benchmark share: chains of MDM ids, and the figures they print."""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def final_ids(links: Iterable[tuple[str, str]]) -> tuple[dict[str, str], set[str]]:
    """Where each id ends, and the ids whose chain runs in a circle."""
    step = {start: end for start, end in links if start != end}
    final: dict[str, str] = {}
    circular: set[str] = set()
    for start, at in step.items():
        path = [start]
        while at in step and at not in path and at not in circular:
            path.append(at)
            at = step[at]  # noqa: PLW2901
        if at in path or at in circular:
            circular.update(path)
        else:
            final.update(dict.fromkeys(path, at))
    return final, circular


def run(process: Callable[[Path, Path], Figures]) -> None:
    """Process a landing folder into a home and print the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    given = parser.parse_args()
    began = time.perf_counter()
    figures = process(given.landing, given.home)
    print(json.dumps(figures | {"seconds": time.perf_counter() - began}))

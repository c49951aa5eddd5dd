"""The same deliveries for a workspace and for a home on this machine, and the jobs there."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from lyceum_lab.lms import Simulator
from lyceum_lab.samples import SampleConfig, write_sample
from lyceum_lab.samples.sales import SalesConfig, write_sales

_WRITTEN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
_EMBEDDED = """
import json, sys
from lyceum.cli import main
for command in json.loads(sys.argv[1]):
    if main(command) != 0:
        sys.exit(f"{command} failed")
"""


def deliver(landing: Path, delivery: int) -> None:
    """The files of one delivery, with the same times wherever they are."""
    sample = SampleConfig(rows=200, deliveries=2, dirt="ragged_row=0.02,unknown_event=0.02")
    write_sample(sample, landing, deliveries=(delivery,))
    write_sales(SalesConfig(days=25 * delivery, lines=20), landing / "sales")
    for file in sorted(landing.rglob("*.*")):
        if file.is_file() and file.stat().st_mtime > _WRITTEN + 1_000:
            os.utime(file, (0, _WRITTEN + delivery))


def run_embedded(home: Path, lms: Simulator, systems: set[str]) -> None:
    """The jobs of some systems in one process of the embedded engine."""
    jobs = [
        ["lms", "load"],
        ["events", "run"],
        ["events", "export", "--out", str(home / "outbound")],
        ["sales", "load"],
        ["sales", "performance"],
        ["sales", "monthly"],
    ]
    commands = [["--home", str(home), "--quiet", *job] for job in jobs if job[0] in systems]
    inherited = {name: value for name, value in os.environ.items() if "SPARK" not in name}
    environ = {
        **inherited,
        "LYCEUM_ENGINE": "embedded",
        "LMS_BASE_URL": lms.url,
        "LMS_CLIENT_ID": lms.config.client_id,
        "LMS_CLIENT_SECRET": lms.config.client_secret,
    }
    python = os.environ.get("LYCEUM_EMBEDDED_PYTHON", sys.executable)
    subprocess.run(
        [python, "-c", _EMBEDDED, json.dumps(commands)], env=environ, check=True, timeout=300
    )

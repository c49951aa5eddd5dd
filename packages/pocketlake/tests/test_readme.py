"""The example of the README runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from contract_lakes import ENGINE

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.skipif(ENGINE != "embedded", reason="the example names the embedded engine")
def test_the_example_of_the_readme_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [
        "2 new",
        "1 changed",
    ]
    assert (tmp_path / "lake" / "silver" / "learners" / "_delta_log").is_dir()

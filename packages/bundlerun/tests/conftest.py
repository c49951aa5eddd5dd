from pathlib import Path

import pytest
from bundle_folder import PACKAGE, Bundle, installed

from bundlerun.runner.engine import Engine


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle whose wheel tasks are the functions of `tried_tasks`."""
    monkeypatch.syspath_prepend(installed(PACKAGE, "tried_tasks", tmp_path / "site"))
    # It costs more than most of these runs; test_spark_runs has it.
    monkeypatch.setattr(Engine, "record", lambda _: None)
    return Bundle(tmp_path)

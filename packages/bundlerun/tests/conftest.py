from pathlib import Path

import pytest
from bundle_folder import PACKAGE, Bundle, installed


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle whose wheel tasks are the functions of `tried_tasks`."""
    monkeypatch.syspath_prepend(installed(PACKAGE, "tried_tasks", tmp_path / "site"))
    return Bundle(tmp_path)

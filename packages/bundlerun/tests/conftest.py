import tempfile
from functools import cache
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
    bundle = Bundle(tmp_path)
    _warm(bundle.config.engine)
    return bundle


@cache
def _warm(engine: str) -> None:
    """Import and start once what tasks need, before any of them is timed."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = Bundle(Path(folder))
        assert bundle.config.engine == engine
        bundle.job("job", "a: ok").run()

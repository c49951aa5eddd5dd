"""What a task's environment asks for and this one has not is installed by uv, once."""

import zipfile
from pathlib import Path

import pytest
from bundle_folder import log, states

from bundlerun.config import Config
from bundlerun.runner.environments import missing
from bundlerun.runner.errors import JobError
from bundlerun.runner.model import job_of


def wheel(folder: Path, name: str, version: str, *, needs: str = "", code: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as content:
        content.writestr(f"{name}.py", code)
        info = f"{name}-{version}.dist-info"
        needed = f"Requires-Dist: {needs}\n" if needs else ""
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}"
        content.writestr(f"{info}/METADATA", head)
        content.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        content.writestr(f"{info}/entry_points.txt", f"[console_scripts]\nmain = {name}:main\n")
        content.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def shop(bundle, monkeypatch, tmp_path):
    """A bundle whose wheel needs another one, which only a folder has."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("BUNDLERUN_CACHE", str(tmp_path / "cache"))
    wheel(tmp_path / "index", "tried_till", "2", code="open = 'till 2'")
    code = "import tried_till\ndef main(): print('sells at', tried_till.open)\n"
    wheel(bundle.folder / "dist", "tried_shop", "1", needs="tried-till", code=code)
    bundle.config = Config.load(bundle.config.home, folder=bundle.folder)
    return bundle


def with_environment(bundle, *dependencies, task=None):
    own = {"python_wheel_task": {"package_name": "tried_shop", "entry_point": "main"}}
    task = {"task_key": "a", "environment_key": "mine", **(task or own)}
    environments = [{"environment_key": "mine", "spec": {"dependencies": list(dependencies)}}]
    bundle.jobs["job"] = {"tasks": [task], "environments": environments}
    return bundle


def test_a_wheel_is_installed_with_what_it_needs_and_once(shop):
    record = with_environment(shop, "./dist/*.whl").run()
    assert log(record, "a") == "sells at till 2\n"
    [kept] = (shop.config.cache_folder / "environments").iterdir()
    before = kept.stat().st_mtime_ns
    assert log(shop.run(), "a") == "sells at till 2\n"
    assert [f.stat().st_mtime_ns for f in kept.parent.iterdir()] == [before]


def test_a_requirement_is_there_for_a_file_with_spark_beside_it(shop):
    (shop.folder / "ask.py").write_text(
        "import tried_till\nprint(tried_till.open, spark.range(2).count())"
    )
    file = {"spark_python_task": {"python_file": "./ask.py"}}
    record = with_environment(shop, "tried-till>=1", task=file).run()
    assert states(record) == {"a": "SUCCESS"}, log(record, "a")
    assert log(record, "a") == "till 2 2\n"


def test_what_cannot_be_had_is_refused_before_the_start(shop):
    (shop.folder / "ask.py").write_text("print('never')")
    file = {"spark_python_task": {"python_file": "./ask.py"}}
    with pytest.raises(JobError, match="task a: expected to install tried-till>=3, found that uv"):
        with_environment(shop, "tried-till>=3", task=file).run()
    assert not list((shop.config.cache_folder / "environments").iterdir())
    assert not list(shop.config.home.glob("runs/*"))


def test_what_is_installed_is_not_missing(tmp_path):
    (tmp_path / "more.txt").write_text("# some\nrich  # here\n-r even.txt\n")
    (tmp_path / "even.txt").write_text("tried-nothing==1\n")
    asked = [
        "pyyaml",
        "typer>=0.1",
        "PyYAML>=99",
        f"-r {tmp_path}/more.txt",
        "x; python_version<'3'",
    ]
    environments = [{"environment_key": "mine", "spec": {"dependencies": asked}}]
    task = {"task_key": "a", "environment_key": "mine", "notebook_task": {}}
    job = job_of("job", {"tasks": [task], "environments": environments})
    assert missing(job.tasks[0], job) == ["PyYAML>=99", "tried-nothing==1"]

"""A small bundle in a folder, whose tasks are functions of a package that seems installed."""

import importlib
import os
import textwrap
from pathlib import Path

import yaml

from bundlerun.config import Config
from bundlerun.runner.record import RunRecord
from bundlerun.runner.service import Asked, Runner, open_bundle
from bundlerun.runner.stop import Clock

PACKAGE = "tried-tasks"
ENGINE = os.environ.get("LYCEUM_TEST_ENGINE", "embedded")


class FastClock(Clock):
    """A clock on which an hour takes three minutes."""

    speed = 20

    def seconds(self):
        return super().seconds() * self.speed

    def wait(self, wakeup, seconds):
        return super().wait(wakeup, None if seconds is None else seconds / self.speed)


def installed(package: str, functions: str, folder: Path) -> Path:
    """A folder in which a package's functions are entry points, as if it were installed there."""
    module = importlib.import_module(functions)
    names = [name for name in vars(module) if not name.startswith("_")]
    points = "".join(f"{name} = {functions}:{name}\n" for name in names)
    info = folder / f"{package.replace('-', '_')}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[console_scripts]\n{points}")
    return folder


def wheel(entry_point: str, *parameters: object) -> dict:
    return {
        "python_wheel_task": {
            "package_name": PACKAGE,
            "entry_point": entry_point,
            "parameters": list(parameters),
        }
    }


def tasks_of(text: str) -> list[dict]:
    """Tasks from short lines: `key: does` and what follows it as YAML.

    `does` is the name of an entry point with its parameters, or a YAML mapping.
    """
    return [_task(key, settings) for key, settings in yaml.safe_load(textwrap.dedent(text)).items()]


def _task(key: str, settings: object) -> dict:
    settings = dict(settings) if isinstance(settings, dict) else {"does": settings}
    does = settings.pop("does", None)
    after = settings.pop("after", [])
    needed = [after] if isinstance(after, str) else after
    kind = wheel(*str(does).split()) if does is not None else {}
    return {"task_key": key, **kind, **settings, "depends_on": [_needed(n) for n in needed]}


def _needed(name: str) -> dict:
    key, sign, outcome = name.partition("=")
    return {"task_key": key, **({"outcome": outcome} if sign else {})}


class Bundle:
    """A bundle under a folder and the runs of its jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bundle"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "bundlerun.toml").write_text(f'engine = "{ENGINE}"')
        self.config = Config.load(folder / "home", folder=self.folder)
        self.jobs: dict[str, dict] = {}
        self.extra: dict = {}

    def job(self, key: str, tasks: str, **settings: object) -> "Bundle":
        self.jobs[key] = {"name": key, "tasks": tasks_of(tasks), **settings}
        return self

    def write(self) -> "Bundle":
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = {
            "bundle": {"name": "tried"},
            "resources": {"jobs": self.jobs},
            "targets": {"dev": {"default": True}},
        }
        text = yaml.safe_dump({**configuration, **self.extra})
        (self.folder / "databricks.yml").write_text(text)
        return self

    def runner(self, *, clock: Clock | None = None) -> Runner:
        self.write()
        bundle = open_bundle(self.config, self.folder, None, {})
        return Runner(bundle, self.config, clock=clock or FastClock())

    def run(self, key: str = "job", *, listeners=(), clock=None, **asked) -> RunRecord:
        self.config = Config.load(self.config.home, folder=self.folder)
        runner = self.runner(clock=clock)
        return runner.run(runner.request(key, Asked(**asked)), *listeners)[0]


def states(record: RunRecord) -> dict[str, str]:
    """The state of every task of a run."""
    return {key: attempt.state for key, attempt in record.last().items()}


def log(record: RunRecord, task: str) -> str:
    """What the latest attempt of a task printed."""
    return Path(record.last()[task].facts["log"]).read_text()

"""A workspace as `databricks bundle deploy -t dev` leaves it, and tasks in it.

Schemas, volumes and the parameters of every task are the bundle's own; `/Volumes` is a folder.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession
from workspace_api import Secrets, served
from workspace_guard import OWNER, Guard
from workspace_task import Done, Task, command

from bundlerun.bundle import Bundle, load_bundle

ENGINE = os.environ.get("LYCEUM_TEST_ENGINE", "embedded")
REPOSITORY = Path(__file__).parents[3]
CATALOG = "spark_catalog"
# Before a server starts, as its Python workers take their path from this process.
_WORKERS = str(Path(__file__).with_name("workers"))
if os.environ.get("LYCEUM_TEST_ENGINE") == "spark":
    _paths = [_WORKERS, os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _paths))
RUN_ID = 1_790_000_000
"""What stands for `{{job.run_id}}` and `{{task.run_id}}`."""


@dataclass
class Workspace:
    """Its parts; a task in it fails the test if a workspace would have refused something."""

    bundle: Bundle
    guard: Guard
    spark: SparkSession
    """A session that nothing guards: to look at what is there."""
    folder: Path
    secrets: Secrets
    """What the secret scopes hold, by scope and key."""
    platform: dict[str, str]
    """What the platform itself gives to a task: how to call its API."""

    @property
    def volumes(self) -> Path:
        return self.folder / "Volumes"

    @property
    def settings(self) -> str:
        """The settings that the bundle gives to every task."""
        text = self.bundle.settings["variables"]["settings"]["value"]
        return self._here(_resolved(text, {}))

    def schema(self, layer: str) -> str:
        """What the bundle calls the schema of a layer."""
        return str(self.bundle.settings["resources"]["schemas"][layer]["name"])

    def volume(self, name: str) -> Path:
        """The folder of a volume of the bundle."""
        found = self.bundle.settings["resources"]["volumes"][name]
        return self.volumes / found["catalog_name"] / found["schema_name"] / found["name"]

    def run_task(self, job: str, key: str, **parameters: str) -> Done:
        """A task of a job of the bundle, with parameters of the job."""
        settings = self.bundle.jobs[job]
        [task] = [task for task in settings["tasks"] if task["task_key"] == key]
        values = {p["name"]: p["default"] for p in settings.get("parameters", ())} | parameters
        given = task["python_wheel_task"]["parameters"]
        return self.call(command, [self._here(_resolved(text, values)) for text in given])

    def run(self, *arguments: object, who: str = OWNER) -> Done:
        """A command of the wheel, by hand."""
        return self.call(command, ["--settings", self.settings, *map(str, arguments)], who=who)

    def call(self, action: Callable[..., int | None], *args: object, who: str = OWNER) -> Done:
        """A function in a task of somebody, of which nothing may be refused."""
        done = self.tried(action, *args, who=who)
        assert done.refused == [], f"{done.refused}\n{args}\n{done.err}"
        assert done.code == 0, f"{args}\n{done.err}"
        return done

    def tried(self, action: Callable[..., int | None], *args: object, who: str = OWNER) -> Done:
        """A function in a task of somebody, with what a workspace refuses of it."""
        before = len(self.guard.refused)
        place = Path(tempfile.mkdtemp(dir=self.folder))
        directory = place / "cwd"
        directory.mkdir()
        environ = {
            "DATABRICKS_RUNTIME_VERSION": "client.5.0",
            "SPARK_REMOTE": self.guard.address(who),
            "HOME": str(place),
            "PATH": os.environ["PATH"],
            **self.platform,
        }
        done = Task(action, args, self.volumes, who == OWNER, environ, directory).run()
        done.refused += self.guard.refused[before:]
        done.refused += [f"{found.name} in the working directory" for found in directory.iterdir()]
        return done

    def _here(self, text: str) -> str:
        return text.replace("/Volumes/", f"{self.volumes}/")


@contextmanager
def deployed(spark: SparkSession, **variables: str) -> Iterator[Workspace]:
    """A guard before the engine of a session, and what the bundle makes with variables of it."""
    variables = {"catalog": CATALOG, **variables}
    guard = Guard(
        spark.client._builder.endpoint, os.environ.get("SPARK_CONNECT_AUTHENTICATE_TOKEN")
    )
    bundle = load_bundle(REPOSITORY, target="dev", variables=variables, environ={"USER": "me"})
    secrets: Secrets = {}
    with tempfile.TemporaryDirectory(prefix="workspace-") as folder, served(secrets) as platform:
        made = Workspace(bundle, guard, spark, Path(folder), secrets, platform)
        resources = bundle.settings["resources"]
        for layer in resources["schemas"]:
            spark.sql(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{made.schema(layer)}")
        for name in resources["volumes"]:
            made.volume(name).mkdir(parents=True)
        try:
            yield made
        finally:
            guard.close()
            for layer in resources["schemas"]:
                spark.sql(f"DROP SCHEMA IF EXISTS {CATALOG}.{made.schema(layer)} CASCADE")


def _resolved(text: str, parameters: dict[str, str]) -> str:
    """A task's parameter with the values of a run."""
    text = re.sub(r"\{\{job\.parameters\.(\w+)\}\}", lambda found: parameters[found[1]], text)
    return re.sub(r"\{\{(job|task)\.run_id\}\}", str(RUN_ID), text)

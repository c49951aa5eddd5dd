"""A small pipeline of a few files, in a folder of its own, and what is in its tables."""

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from bundlerun.pipelines import PipelineSettings, Update, run_pipeline
from bundlerun.pipelines.stored import Stored
from pocketlake import Lake
from pocketlake.sessions import embedded_session

SCHEMA = "columns_of_visits.py"
VISITS = '''
"""Bronze and silver: a stream of files, and a stream of its rows."""
from columns_of_visits import COLUMNS
from pyspark import pipelines as dp


@dp.table(comment="visits as they came")
def raw_visits():
    return spark.readStream.schema(COLUMNS).json(spark.conf.get("landing"))


@dp.table(name="silver.visits")
@dp.expect_or_drop("has_person", "person IS NOT NULL")
@dp.expect("is_long", "minutes >= 10")
def visits():
    return spark.readStream.table("bronze.raw_visits")
'''
TOTALS = '''
"""Gold: a view that nobody sees, and two that are tables."""
from pyspark import pipelines as dp
from pyspark.sql import functions as F


@dp.temporary_view(name="known_visits")
@dp.expect_all({"is_short": "minutes < 100", "is_positive": "minutes > 0"})
def known_visits():
    return spark.read.table("silver.visits")


@dp.materialized_view(name="gold.minutes")
@dp.expect_or_fail("is_counted", "minutes IS NOT NULL")
def minutes():
    return spark.read.table("known_visits").groupBy("person").agg(F.sum("minutes").alias("minutes"))


@dp.materialized_view(name="gold.people")
def people():
    return spark.table("gold.minutes").groupBy().agg(F.count("*").alias("people"))
'''


@dataclass(frozen=True)
class Keyed:
    """What a caller declares of a table."""

    columns: str
    keys: tuple[str, ...]


DECLARED = {"gold.minutes": Keyed("person STRING COMMENT 'Who', minutes BIGINT", ("person",))}


@dataclass
class World:
    """A lake in a session of its own, a landing folder and a pipeline's files."""

    home: Path
    files: dict[str, str] = field(
        default_factory=lambda: {"visits.py": VISITS, "totals.py": TOTALS}
    )

    def __post_init__(self) -> None:
        self.landing.mkdir(parents=True, exist_ok=True)
        self.lake = Lake(
            embedded_session(), kind="embedded", warehouse=str(self.home / "warehouse")
        )
        self.write("columns_of_visits.py", 'COLUMNS = "id STRING, person STRING, minutes BIGINT"\n')
        for name, text in self.files.items():
            self.write(name, text)

    def again(self, home: Path | None = None) -> "World":
        """The world as another process finds it, or at another place."""
        return World(home or self.home, self.files)

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def write(self, name: str, text: str) -> None:
        path = self.home / "pipeline" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        if name != SCHEMA:
            self.files[name] = text

    def land(self, name: str, *lines: str) -> None:
        (self.landing / name).parent.mkdir(parents=True, exist_ok=True)
        (self.landing / name).write_text("".join(f"{line}\n" for line in lines))

    def update(self, configuration=MappingProxyType({}), **options) -> Update:
        """Run the pipeline; a flow that fails is in the result."""
        pipeline = PipelineSettings(
            key="visits",
            name="visits",
            root=self.home / "pipeline",
            files=tuple(self.home / "pipeline" / name for name in self.files),
            schema="bronze",
            configuration={"landing": str(self.landing), **configuration},
        )
        known = {"declarations": DECLARED, "event_log": "ops.pipeline_events"}
        return run_pipeline(self.lake, pipeline, storage=self.home / "storage", **known, **options)

    def updated(self, **options) -> Update:
        """Run the pipeline, which must not fail."""
        update = self.update(**options)
        if update.failure is not None:
            raise update.failure
        return update

    def table(self, name: str) -> Stored:
        return Stored(name, "", keys=())

    def rows(self, name: str) -> list[tuple[object, ...]]:
        return sorted(map(tuple, self.lake.read(self.table(name)).collect()), key=str)

    def tables(self) -> dict[str, list[tuple[object, ...]]]:
        """The rows of every table but the event log."""
        names = [f"{schema}.{table}" for schema, table in self.lake.tables()]
        return {name: self.rows(name) for name in names if not name.startswith("ops.")}

    def versions(self) -> dict[str, int]:
        return {
            f"{schema}.{table}": self.lake.version(self.table(f"{schema}.{table}")).number
            for schema, table in self.lake.tables()
        }


def statuses(update: Update) -> dict[str, str]:
    return {flow.dataset: flow.status for flow in update.flows}

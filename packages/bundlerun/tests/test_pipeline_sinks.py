"""Sinks that are tables: rows once, whatever dies, and again after a full refresh."""

import pytest
from pipelines_world import World, statuses

from bundlerun.pipelines import PipelineError

SINK = """
from pyspark import pipelines as dp

dp.create_sink("out", "delta", {"tableName": "spark_catalog.shared.visits"})

@dp.temporary_view
@dp.expect_or_drop("has_minutes", "minutes IS NOT NULL")
def visits():
    return spark.readStream.schema("id STRING, minutes BIGINT").json(spark.conf.get("landing"))

@dp.append_flow(target="out", name="visits_out")
def out():
    return spark.readStream.table("visits")
"""


READER = "@dp.table\ndef more():\n    return spark.readStream.table('out')\n\n"


class Killed(BaseException):
    """The end of the process, as far as a test of one process has it."""


@pytest.fixture
def world(tmp_path):
    """A pipeline with a sink alone."""
    return World(tmp_path, {"sink.py": SINK})


def test_a_sink_gets_each_row_once(world):
    world.land("a.json", '{"id":"1","minutes":5}', '{"id":"2"}')
    update = world.updated()
    assert update.flow("out").flow == "visits_out"
    assert update.flow("out").outcome.inserted == 1
    assert world.rows("shared.visits") == [("1", 5)]
    assert statuses(world.updated()) == {"out": "SKIPPED"}

    world.land("b.json", '{"id":"3","minutes":6}')

    def die(step, _name):
        if step == "written":
            raise Killed

    with pytest.raises(Killed):
        world.update(on_event=die)
    world.again().updated()
    assert world.rows("shared.visits") == [("1", 5), ("3", 6)]


def test_a_full_refresh_appends_again(world):
    world.land("a.json", '{"id":"1","minutes":5}')
    world.updated()
    world.updated(full_refresh=["out"])
    assert world.rows("shared.visits") == [("1", 5), ("1", 5)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"delta"', '"parquet"', "out to be delta with tableName, or kafka .*, found parquet with"),
        ("tableName", "path", "found delta with path"),
        ("@dp.append_flow", "@dp.expect('a', 'true')\n@dp.append_flow", "below the decorator"),
        ("\ndef out", "\n@dp.expect('a', 'true')\ndef out", "expectations of sink out on a view"),
        ('readStream.table("visits")', "range(1)", "expected sink out to read a stream, found none"),
        ("\ndef out", "\ndef late(): ...\n\n@dp.foreach_batch_sink()\ndef out", "by create_sink, found"),
        (
            "dp.create_sink(\"out\", \"delta\", {\"tableName\": \"spark_catalog.shared.visits\"})",
            "dp.create_sink('out', 'kafka', {'kafka.bootstrap.servers': 'x:1', 'topic': 't'})",
            "expected value, a topic as column or option, and some of .*, found id, minutes",
        ),
        ("@dp.append_flow", READER + "@dp.append_flow", "expected bronze.more to read a table or view"),
    ],
)  # fmt: skip
def test_a_wrong_sink_is_named(world, old, new, message):
    world.write("sink.py", SINK.replace(old, new))
    with pytest.raises(PipelineError, match=message) as found:
        world.update()
    assert "\n" not in str(found.value)
    assert world.lake.tables() == []

"""Updates of a pipeline: each file once, views that are written if they change, expectations."""

import json
import shutil
from datetime import UTC, datetime

import pytest
from pipelines_world import DECLARED, World, statuses

from bundlerun.pipelines.stored import Stored

SKIPPED = dict.fromkeys(
    ("bronze.raw_visits", "silver.visits", "gold.minutes", "gold.people"), "SKIPPED"
)


@pytest.fixture
def world(tmp_path):
    """A pipeline of its own."""
    return World(tmp_path)


def first_files(world):
    world.land(
        "monday/a.json",
        '{"id":"1","person":"Ada","minutes":5}',
        '{"id":"2","person":"Bo","minutes":200}',
        '{"id":"3","minutes":7}',
    )
    world.land("_copying.json", '{"id":"9","person":"Not","minutes":1}')


def test_files_become_tables_and_what_expectations_find_is_counted(world):
    first_files(world)
    update = world.updated()
    assert update.order == [
        "bronze.raw_visits",
        "silver.visits",
        "known_visits",
        "gold.minutes",
        "gold.people",
    ]
    assert world.tables() == {
        "bronze.raw_visits": [("1", "Ada", 5), ("2", "Bo", 200), ("3", None, 7)],
        "gold.minutes": [("Ada", 5), ("Bo", 200)],
        "gold.people": [(2,)],
        "silver.visits": [("1", "Ada", 5), ("2", "Bo", 200)],
    }
    counts = {
        flow.dataset: [(c.name, c.passed, c.failed, c.dropped) for c in flow.outcome.expectations]
        for flow in update.flows
    }
    assert counts == {
        "bronze.raw_visits": [],
        "silver.visits": [("has_person", 2, 1, 1), ("is_long", 1, 2, 0)],
        "known_visits": [("is_short", 1, 1, 0), ("is_positive", 2, 0, 0)],
        "gold.minutes": [("is_counted", 2, 0, 0)],
        "gold.people": [],
    }
    assert not (world.home / "storage/.staged").exists()


def test_an_update_without_news_writes_nothing_and_computes_nothing(world):
    first_files(world)
    world.updated()
    before, computed = world.versions(), []
    update = world.updated(on_event=lambda step, name: computed.append((step, name)))
    assert statuses(update) == SKIPPED
    assert world.versions() == before
    assert {step for step, _ in computed} == {"started", "ended"}


def test_a_new_file_is_appended_and_only_changed_views_are_written(world):
    first_files(world)
    world.updated()
    before = world.versions()
    world.land("tuesday/a.json", '{"id":"4","person":"Ada","minutes":10}')
    update = world.updated()
    [minutes] = [flow.outcome for flow in update.flows if flow.dataset == "gold.minutes"]
    assert (minutes.inserted, minutes.updated, minutes.deleted) == (0, 1, 0)
    assert world.rows("gold.minutes") == [("Ada", 15), ("Bo", 200)]
    assert statuses(update)["gold.people"] == "COMPLETED"
    changed = {name for name, version in world.versions().items() if version != before[name]}
    assert changed == {
        "bronze.raw_visits",
        "silver.visits",
        "gold.minutes",
        "ops.pipeline_events",
    }


def test_every_flow_leaves_a_row_in_the_event_log(world):
    first_files(world)
    update = world.updated()
    log = world.lake.read(world.table("ops.pipeline_events")).orderBy("started_at").collect()
    assert [row.dataset for row in log] == [flow.dataset for flow in update.flows]
    assert {(row.update_id, row.pipeline, row.status, row.error) for row in log} == {
        (update.id, "visits", "COMPLETED", None)
    }
    [visits] = [row for row in log if row.dataset == "silver.visits"]
    assert (visits.flow, visits.rows_inserted, visits.rows_dropped) == ("silver.visits", 2, 1)
    assert json.loads(visits.expectations)[0] == {
        "name": "has_person",
        "passed": 2,
        "failed": 1,
        "dropped": 1,
    }
    assert visits.started_at <= visits.ended_at < datetime.now(UTC).replace(tzinfo=None)


def test_changed_code_and_a_table_that_others_wrote_are_computed_again(world):
    first_files(world)
    world.updated()
    minutes = Stored("gold.minutes", DECLARED["gold.minutes"].columns)
    world.lake.delete(minutes, where="person = 'Ada'")
    assert statuses(world.updated()) == SKIPPED | {
        "known_visits": "COMPLETED",
        "gold.minutes": "COMPLETED",
        "gold.people": "COMPLETED",
    }
    assert world.rows("gold.minutes") == [("Ada", 5), ("Bo", 200)]

    world.write("totals.py", world.files["totals.py"].replace("F.sum(", "F.max("))
    assert statuses(world.updated())["gold.minutes"] == "COMPLETED"
    world.write("totals.py", "\n\n" + world.files["totals.py"])
    assert statuses(world.updated()) == SKIPPED


def test_a_view_that_looks_at_the_clock_is_always_computed(world):
    text = world.files["totals.py"].replace(
        'F.count("*")', "F.max(F.current_date() > '2020-01-01')"
    )
    world.write("totals.py", text)
    first_files(world)
    world.updated()
    before = world.versions()
    assert statuses(world.updated()) == SKIPPED | {"gold.people": "COMPLETED"}
    assert world.versions()["gold.people"] == before["gold.people"]


def test_a_full_refresh_reads_all_files_again(world):
    first_files(world)
    world.updated()
    world.land("tuesday/a.json", '{"id":"4","person":"Ada","minutes":10}')
    world.updated()
    (world.landing / "monday/a.json").unlink()
    world.updated(full_refresh=True)
    assert world.rows("bronze.raw_visits") == [("4", "Ada", 10)]
    assert world.rows("gold.minutes") == [("Ada", 10)]
    assert statuses(world.updated()) == SKIPPED


def test_tables_that_are_not_named_are_left_out(world):
    first_files(world)
    world.updated()
    world.land("tuesday/a.json", '{"id":"4","person":"Ada","minutes":10}')
    update = world.updated(refresh=["raw_visits"], full_refresh=["silver.visits"])
    assert statuses(update) == {"bronze.raw_visits": "COMPLETED", "silver.visits": "COMPLETED"}
    assert world.rows("silver.visits") == [("1", "Ada", 5), ("2", "Bo", 200), ("4", "Ada", 10)]
    assert world.rows("gold.minutes") == [("Ada", 5), ("Bo", 200)]


def test_a_table_that_was_removed_is_filled_again_and_a_lost_checkpoint_doubles_nothing(world):
    first_files(world)
    world.updated()
    found = world.tables()
    shutil.rmtree(world.home / "warehouse/silver")
    world = world.again()
    world.updated()
    assert world.tables() == found
    shutil.rmtree(world.home / "storage")
    world.updated()
    assert world.tables() == found


def test_a_home_that_was_moved_takes_no_file_twice(world):
    first_files(world)
    world.updated()
    found = world.tables()
    moved = world.home.with_name(f"{world.home.name}-moved")
    shutil.move(world.home, moved)
    there = world.again(moved)
    assert statuses(there.updated()) == SKIPPED
    assert there.tables() == found


def test_many_batches_are_kept_in_few_files(world, monkeypatch):
    monkeypatch.setattr("bundlerun.pipelines.checkpoint._MOST_FILES", 3)
    for number in range(8):
        world.land(f"{number}.json", f'{{"id":"{number}","person":"Ada","minutes":1}}')
        world.updated(refresh=["raw_visits"])
    assert len(world.rows("bronze.raw_visits")) == 8
    assert len(list((world.home / "storage/bronze.raw_visits").glob("*.json"))) <= 4


def test_a_stream_of_a_table_reads_the_files_that_were_appended(world):
    first_files(world)
    world.updated()
    raw = Stored("bronze.raw_visits", "id STRING, person STRING, minutes BIGINT")
    world.lake.append(raw, world.lake.rows(raw, [("1", "Ada", 5)]))
    world.lake.compact(raw)
    world.updated()
    assert world.rows("silver.visits") == [("1", "Ada", 5), ("1", "Ada", 5), ("2", "Bo", 200)]


@pytest.mark.parametrize(("option", "changed"), [("ignoreDeletes", 1), ("skipChangeCommits", 0)])
def test_rows_that_changed_in_a_streamed_table_come_again_or_are_skipped(world, option, changed):
    read = f'readStream.option("{option}", True).table'
    world.write("visits.py", world.files["visits.py"].replace("readStream.table", read))
    first_files(world)
    world.updated()
    raw = Stored("bronze.raw_visits", "id STRING, person STRING, minutes BIGINT", ("id",))
    world.lake.delete(raw, where="id = '1'")
    world.lake.merge(raw, world.lake.rows(raw, [("2", "Bo", 90)]))
    world.lake.append(raw, world.lake.rows(raw, [("4", "Cy", 10)]))
    world.updated(refresh=["silver.visits"])
    found = [("1", "Ada", 5), ("2", "Bo", 200), ("2", "Bo", 90), ("4", "Cy", 10)]
    assert world.rows("silver.visits") == (found if changed else [*found[:2], *found[3:]])


OUTSIDE = """
from pyspark import pipelines as dp

@dp.table
def people():
    return spark.readStream.table("shared.people").select("id", "name")
"""


def test_a_streamed_table_of_others_may_get_a_column(world):
    people = Stored("shared.people", "id INT, name STRING", ("id",))
    world.lake.append(people, world.lake.rows(people, [(1, "Ada"), (2, "Bo")]))
    world.files.clear()
    world.write("people.py", OUTSIDE)
    world.updated()
    wider = Stored("shared.people", "id INT, name STRING, city STRING", ("id",))
    world.lake.append(wider, world.lake.rows(wider, [(3, "Cy", "York")]))
    world.again().updated()
    assert world.rows("bronze.people") == [(1, "Ada"), (2, "Bo"), (3, "Cy")]
    widest = Stored("shared.people", "id INT, name STRING, city STRING, age INT", ("id",))
    world.lake.merge(widest, world.lake.rows(widest, [(2, "Bob", None, None), (4, "Di", "", 1)]))
    world.again().updated()
    assert world.rows("bronze.people")[1:] == [(2, "Bo"), (2, "Bob"), (3, "Cy"), (4, "Di")]


@pytest.mark.parametrize("kind", ["parquet", "text", "csv"])
def test_streams_read_files_of_each_format(world, kind):
    read = f'readStream.schema("value STRING").{kind}('
    text = "from pyspark import pipelines as dp\n\n@dp.table\ndef lines():\n    return spark."
    world.files.clear()
    world.write("lines.py", text + read + "spark.conf.get('landing'))\n")
    world.lake.spark.sql("SELECT 'a' AS value").write.format(kind).save(f"{world.landing}/one")
    world.updated()
    assert world.rows("bronze.lines") == [("a",)]


def test_files_that_were_there_before_may_be_left_out(world):
    first_files(world)
    stream = 'readStream.format("cloudFiles").option("cloudFiles.format", "json")'
    stream += '.option("cloudFiles.includeExistingFiles", False).schema(COLUMNS).load('
    text = world.files["visits.py"].replace("readStream.schema(COLUMNS).json(", stream)
    world.write("visits.py", text)
    world.updated()
    assert world.rows("bronze.raw_visits") == []
    world.land("tuesday/a.json", '{"id":"4","person":"Ada","minutes":10}')
    world.updated()
    assert world.rows("bronze.raw_visits") == [("4", "Ada", 10)]
    assert set(statuses(world.updated()).values()) == {"SKIPPED"}


def test_nothing_is_written_by_a_dry_run(world):
    first_files(world)
    assert len(world.update(dry_run=True).order) == 5
    assert world.lake.tables() == []


def test_a_failed_expectation_stops_the_tables_that_need_it_and_no_others(world):
    world.write(
        "other.py",
        """
from pyspark import pipelines as dp

@dp.materialized_view(name="gold.visits")
def visits():
    return spark.read.table("silver.visits").groupBy().count()
""",
    )
    world.land("a.json", '{"id":"1","person":"Ada"}')
    update = world.update()
    assert update.state == "FAILED"
    assert update.error == (
        "gold.minutes: expected every row of gold.minutes to meet is_counted "
        "(minutes IS NOT NULL), found 1 of 1 that do not"
    )
    assert statuses(update) == {
        "bronze.raw_visits": "COMPLETED",
        "silver.visits": "COMPLETED",
        "known_visits": "COMPLETED",
        "gold.minutes": "FAILED",
        "gold.people": "SKIPPED",
        "gold.visits": "COMPLETED",
    }
    assert world.rows("gold.visits") == [(1,)]
    assert "gold.minutes" not in world.tables()
    log = world.lake.read(world.table("ops.pipeline_events")).where("dataset = 'gold.people'")
    assert log.collect()[0].error == "expected gold.minutes, which it reads, found that it failed"


def test_an_update_that_is_stopped_ends_between_two_tables(world):
    first_files(world)
    seen = []
    update = world.update(
        on_event=lambda step, name: seen.append((step, name)),
        is_stopped=lambda: ("ended", "silver.visits") in seen,
    )
    assert (update.state, update.error) == ("CANCELED", "cancelled")
    assert statuses(update) == {"bronze.raw_visits": "COMPLETED", "silver.visits": "COMPLETED"}
    assert statuses(world.updated())["gold.minutes"] == "COMPLETED"

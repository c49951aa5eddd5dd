"""Tasks of one run that share a server: SQL, wheels and the record of it all, on real Delta."""

import json
from pathlib import Path

import pytest
from bundle_folder import PACKAGE, Bundle, installed, log, states
from tried_tasks import _MERGED

from bundlerun.runner.service import Asked
from bundlerun.runner.stop import Clock
from bundlerun.runner.task_runs import TASK_RUNS
from tables import assert_rows

SEED = """
-- Two things; and a semicolon
CREATE TABLE silver.things (id STRING, size INT);
INSERT INTO silver.things VALUES (:first, 1), ('b;', 2);
SELECT count(*) AS n, max(size) AS largest FROM silver.things WHERE id IN (:first, 'b;');
"""
TASKS = """
seed: {sql_task: {warehouse_id: w, file: {path: ./seed.sql}, parameters: {first: '{{job.parameters.first}}'}}}
is_two: {condition_task: {left: '{{tasks.seed.output.first_row.n}}', op: EQUAL_TO, right: '2'}, after: seed}
left: {does: merge_one left, after: is_two=true}
right: {does: merge_one right, after: is_two=true}
counted: {does: count_with_builder, after: [left, right]}
long: {does: compute_long, after: [left, right], timeout_seconds: 3}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run that needs no Spark, then one that does."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(installed(PACKAGE, "tried_tasks", folder / "site"))
        bundle = Bundle(folder)
        bundle.job("light", "if: {condition_task: {left: a, op: EQUAL_TO, right: a}}")
        bundle.job("job", TASKS, parameters=[{"name": "first", "default": "it's a"}])
        bundle.write()
        patch.chdir(bundle.folder)
        (bundle.folder / "seed.sql").write_text(SEED)
        light = bundle.run("light")
        assert not light.parts[-1].is_recorded
        runner = bundle.runner(clock=Clock())
        record, _ = runner.run(runner.request("job", Asked()))
        yield light, record, bundle.config.lake(bundle.config.new_session())


def test_each_task_ends_as_it_should(runs):
    _, record, _ = runs
    assert states(record) == {
        "seed": "SUCCESS",
        "is_two": "SUCCESS",
        "left": "SUCCESS",
        "right": "SUCCESS",
        "counted": "SUCCESS",
        "long": "TIMEDOUT",
    }


def test_a_sql_file_runs_statement_by_statement_with_its_parameters(runs):
    _, record, _ = runs
    seed = record.last()["seed"].facts
    assert seed["output"]["rows"] == [{"n": 2, "largest": 2}]
    assert seed["written"] == {"silver.things": 1}
    assert '{"n": 2, "largest": 2}' in log(record, "seed")


def test_tasks_at_once_write_one_table_and_keep_their_settings(runs):
    _, record, lake = runs
    assert log(record, "left") == "setting: left\n"
    assert log(record, "right") == "setting: right\n"
    versions = [record.last()[key].facts["written"]["silver.merged"] for key in ("left", "right")]
    # What is on disk right after a task's write may be the other task's.
    assert max(versions) == lake.version(_MERGED).number
    assert lake.read(_MERGED).count() == 2


def test_a_builder_gives_the_session_of_the_task(runs):
    _, record, _ = runs
    assert log(record, "counted") == "counted 2 yes\ntried unset\n"


def test_a_task_that_computes_too_long_is_interrupted(runs):
    _, record, _ = runs
    assert log(record, "long").startswith("computing\n")
    assert record.last()["long"].seconds < 20


def test_both_runs_are_recorded_once_the_light_one_by_the_next_that_has_spark(runs):
    light, record, lake = runs
    rows = lake.read(TASK_RUNS)
    assert rows.groupBy(*TASK_RUNS.keys).count().where("count > 1").isEmpty()
    assert_rows(
        rows.where(f"run_id = '{light.run_id}'"),
        """
        task_key | attempt | repair_count | job   | target | kind           | state
                 | 0       | 0            | light | dev    | NULL           | SUCCESS
        if       | 1       | 0            | light | dev    | condition_task | SUCCESS
        """,
    )
    recorded = {row.task_key: row for row in rows.where(f"run_id = '{record.run_id}'").collect()}
    assert set(recorded) == {"", *states(record)}
    assert recorded[""].state == "FAILED"
    assert json.loads(recorded[""].parameters) == {"first": "it's a"}
    assert recorded["long"].error == "it took longer than 3 s"
    assert recorded["long"].duration_ms >= 3000
    assert json.loads(recorded["left"].versions_written).keys() == {"silver.merged"}
    assert json.loads(recorded["counted"].parameters)["package_name"] == PACKAGE
    assert Path(record.last()["seed"].facts["log"]).exists()

"""A pipeline of the bundle as a task of a run."""

import pytest
from bundle_folder import Bundle, log, states

SOURCE = """
from pyspark import pipelines as dp


@dp.table(name="bronze.visits", schema="id STRING, minutes BIGINT")
def visits():
    files = spark.readStream.schema("id STRING, minutes BIGINT")
    return files.json(spark.conf.get("landing"))


@dp.materialized_view(name="gold.minutes")
@dp.expect_or_fail("is_positive", "minutes > 0")
def minutes():
    return spark.read.table("bronze.visits").groupBy().sum("minutes").toDF("minutes")
"""
TASKS = "update: {pipeline_task: {pipeline_id: '${resources.pipelines.visits.id}'}}"


@pytest.fixture
def visits(bundle: Bundle) -> Bundle:
    """A bundle with one pipeline and the job that updates it."""
    landing = bundle.folder / "landing"
    landing.mkdir()
    (landing / "a.json").write_text('{"id":"1","minutes":5}\n')
    (bundle.folder / "flows").mkdir()
    (bundle.folder / "flows/visits.py").write_text(SOURCE)
    pipeline = {
        "name": "Visits / tried",
        "schema": "bronze",
        "libraries": [{"glob": {"include": "flows/**"}}],
        "configuration": {"landing": str(landing)},
    }
    bundle.job("job", TASKS)
    bundle.extra = {"resources": {"jobs": bundle.jobs, "pipelines": {"visits": pipeline}}}
    return bundle


def test_a_pipeline_is_updated_in_the_session_of_its_task(visits):
    first = visits.run().last()["update"]
    assert (first.state, first.facts["flows"]) == (
        "SUCCESS",
        {"bronze.visits": "COMPLETED", "gold.minutes": "COMPLETED"},
    )
    assert {"bronze.visits", "gold.minutes"} <= first.facts["written"].keys()
    again = visits.run()
    facts = again.last()["update"].facts
    assert (set(facts["flows"].values()), facts["written"]) == ({"SKIPPED"}, {})
    assert "ended gold.minutes" in log(again, "update")


def test_a_flow_that_fails_is_why_the_task_failed(visits):
    (visits.folder / "landing/b.json").write_text('{"id":"2","minutes":-9}\n')
    record = visits.run()
    assert states(record) == {"update": "FAILED"}
    assert record.last()["update"].error == (
        "gold.minutes: expected every row of gold.minutes to meet is_positive (minutes > 0), "
        "found 1 of 1 that do not"
    )


def test_a_pipeline_that_cannot_be_resolved_is_why_the_task_failed(visits):
    source = visits.folder / "flows/visits.py"
    source.write_text(SOURCE.replace('read.table("bronze.visits")', 'read.table("gone")'))
    record = visits.run()
    assert record.last()["update"].error == (
        "expected bronze.gone, which gold.minutes reads, to be a dataset of the pipeline or a "
        "table, found neither"
    )

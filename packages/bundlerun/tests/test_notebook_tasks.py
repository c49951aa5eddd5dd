"""Notebooks as tasks of a job."""

from bundle_folder import states

NOTEBOOK = """# Databricks notebook source
dbutils.widgets.text("day", "monday")
print("day is", dbutils.widgets.get("day"))

# COMMAND ----------
dbutils.jobs.taskValues.set("count", 3)
print("before me:", dbutils.jobs.taskValues.get("first", "x", default="nothing"))

# COMMAND ----------
dbutils.notebook.exit("done")
"""


def test_a_notebook_gets_parameters_and_gives_values(bundle):
    bundle.job(
        "job",
        """
        first: value x 7
        look: {notebook_task: {notebook_path: ./look.py, base_parameters: {day: x, other: '{{task.name}}'}}, after: first}
        three: {condition_task: {left: '{{tasks.look.values.count}}', op: EQUAL_TO, right: '3'}, after: look}
        end: {does: 'ok {{tasks.look.notebook_path}}', after: three=true}
        broken: {notebook_task: {notebook_path: ./broken.py}}
        """,
        parameters=[{"name": "day", "default": "tuesday"}],
    )
    bundle.write()
    (bundle.folder / "look.py").write_text(NOTEBOOK)
    (bundle.folder / "broken.py").write_text(
        "# Databricks notebook source\nraise ValueError('no')\n"
    )
    record = bundle.run()
    assert states(record) == {
        "first": "SUCCESS",
        "look": "SUCCESS",
        "three": "SUCCESS",
        "end": "SUCCESS",
        "broken": "FAILED",
    }
    look = record.last()["look"].facts
    assert look["exit_value"] == "done"
    executed = (record.folder / "notebooks" / "look.ipynb").read_text()
    assert "day is tuesday" in executed
    assert "before me: 7" in executed
    assert "cell 1 of broken.py: ValueError: no" in record.last()["broken"].error

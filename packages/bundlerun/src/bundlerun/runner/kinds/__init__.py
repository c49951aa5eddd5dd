"""What each kind of task does; the keys are those of the Jobs API."""

from collections.abc import Mapping

from bundlerun.runner.context import Kind
from bundlerun.runner.kinds.control import condition, for_each, run_job
from bundlerun.runner.kinds.notebook import notebook
from bundlerun.runner.kinds.pipeline import pipeline
from bundlerun.runner.kinds.python import python_wheel, spark_python
from bundlerun.runner.kinds.sql import sql

KINDS: Mapping[str, Kind] = {
    "python_wheel_task": python_wheel,
    "spark_python_task": spark_python,
    "notebook_task": notebook,
    "pipeline_task": pipeline,
    "sql_task": sql,
    "run_job_task": run_job,
    "condition_task": condition,
    "for_each_task": for_each,
}

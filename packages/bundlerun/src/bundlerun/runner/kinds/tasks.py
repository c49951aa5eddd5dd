"""What each kind of task does in its process; the keys are those of the Jobs API."""

from collections.abc import Callable, Mapping

from bundlerun.runner.kinds.notebook import notebook
from bundlerun.runner.kinds.pipeline import pipeline
from bundlerun.runner.kinds.python import python_wheel, spark_python
from bundlerun.runner.kinds.sql import sql
from bundlerun.runner.model import Settings
from bundlerun.runner.output import Output
from bundlerun.workers.here import Here

TASKS: Mapping[str, Callable[[Here, Settings], Output]] = {
    "python_wheel_task": python_wheel,
    "spark_python_task": spark_python,
    "notebook_task": notebook,
    "pipeline_task": pipeline,
    "sql_task": sql,
}

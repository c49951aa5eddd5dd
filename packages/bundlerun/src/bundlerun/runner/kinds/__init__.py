"""What the runner does for each kind of task; the keys are those of the Jobs API."""

from collections.abc import Mapping

from bundlerun.runner.context import Kind
from bundlerun.runner.kinds.control import condition, for_each, run_job
from bundlerun.runner.kinds.process import in_process

KINDS: Mapping[str, Kind] = {
    "python_wheel_task": in_process,
    "spark_python_task": in_process,
    "notebook_task": in_process,
    "pipeline_task": in_process,
    "sql_task": in_process,
    "run_job_task": run_job,
    "condition_task": condition,
    "for_each_task": for_each,
}

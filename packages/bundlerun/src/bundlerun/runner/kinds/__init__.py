"""What the runner does for each kind of task; the keys are those of the Jobs API."""

from collections.abc import Mapping

from bundlerun.runner.attempts import Kind
from bundlerun.runner.kinds.control import condition, for_each, run_job
from bundlerun.runner.kinds.process import in_process

IN_PROCESS = (
    "python_wheel_task",
    "spark_python_task",
    "notebook_task",
    "pipeline_task",
    "sql_task",
)
KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(IN_PROCESS, in_process),
    "run_job_task": run_job,
    "condition_task": condition,
    "for_each_task": for_each,
}

"""Notebooks, with their outputs kept in the folder of the run."""

from dataclasses import replace
from pathlib import Path

from bundlerun.runner.context import Output, TaskRun
from bundlerun.runner.errors import TaskError
from bundlerun.runner.model import Settings, text
from bundlerun.runner.sessions import offer_to_builders
from bundlerun.runner.task_utils import notebook_context


def notebook(attempt: TaskRun, spec: Settings) -> Output:
    """Run a notebook; its parameters are its widgets."""
    from bundlerun.notebook import run_notebook

    def tell(done: int, total: int) -> None:
        attempt.place.log.write(f"{done} of {total} cells done\n")

    offer_to_builders()
    parameters = {name: text(value) for name, value in spec["base_parameters"].items()}
    context = replace(notebook_context(attempt), on_cell=tell)
    result = run_notebook(Path(spec["notebook_path"]), parameters=parameters, context=context)
    attempt.values.update(result.task_values)
    if result.error is not None:
        attempt.place.log.write(result.error.trace)
        raise TaskError(f"{result.error} ({result.saved_to})")
    facts = {"exit_value": result.exit_value, "notebook": str(result.saved_to)}
    return Output(facts=facts)

"""Notebooks, with their outputs kept in the folder of the run."""

import sys
from dataclasses import replace
from pathlib import Path

from bundlerun.runner.errors import TaskError
from bundlerun.runner.model import Settings, text
from bundlerun.runner.output import Output
from bundlerun.workers.here import Here


def notebook(here: Here, spec: Settings) -> Output:
    """Run a notebook; its parameters are its widgets."""
    from bundlerun.notebook import run_notebook

    def tell(done: int, total: int) -> None:
        print(f"{done} of {total} cells done")  # noqa: T201 - for the task's log

    parameters = {name: text(value) for name, value in spec["base_parameters"].items()}
    context = replace(here.notebook_context(), on_cell=tell)
    result = run_notebook(Path(spec["notebook_path"]), parameters=parameters, context=context)
    here.values.update(result.task_values)
    if result.error is not None:
        sys.stderr.write(result.error.trace)
        raise TaskError(f"{result.error} ({result.saved_to})")
    facts = {"exit_value": result.exit_value, "notebook": str(result.saved_to)}
    return Output(facts=facts)

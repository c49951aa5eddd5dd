"""What can be wrong with a pipeline, each in one line."""


class PipelineError(Exception):
    """A pipeline that cannot be run as it is."""

    exit_code = 1


class DefinitionError(PipelineError):
    """A source file defines something that the executor cannot run."""


class GraphError(PipelineError):
    """The datasets read each other in a circle, or read one that nobody defines."""


class ExpectationError(PipelineError):
    """Rows break an expectation that says `or_fail`."""


def first_line(error: BaseException) -> str:
    """What went wrong, without plans and stacks."""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)

"""What can be wrong with a job before it starts, and with a task while it runs."""

from collections.abc import Iterable

from bundlerun.errors import RunnerError, UsageError


class JobError(UsageError):
    """A job that cannot run here as it is written; `problems` are all that was found."""

    def __init__(self, job: str, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        found = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"job {job} cannot run on this machine:\n{found}")


class UnknownJobError(UsageError):
    """There is no job of that name in the bundle."""


class UnknownRunError(UsageError):
    """There is no run of that id, or it is not in a state to be repaired."""


class TaskError(RunnerError):
    """A task that failed; `code` is what `{{tasks.x.error_code}}` says of it."""

    def __init__(self, message: str, *, code: str = "RunExecutionError") -> None:
        super().__init__(message)
        self.code = code

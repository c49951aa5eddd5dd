"""Control flow: conditions, loops and other jobs."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from bundlerun.runner.attempts import TaskRun, supervised
from bundlerun.runner.expressions import comparison, loop_inputs
from bundlerun.runner.launch import start_child
from bundlerun.runner.model import Settings, text
from bundlerun.runner.output import Output
from bundlerun.runner.states import SUCCEEDED, Result


def condition(_: TaskRun, spec: Settings) -> Output:
    """Compare the operands."""
    holds = comparison(spec["op"], text(spec.get("left")), text(spec.get("right")))
    return Output(outcome="true" if holds else "false")


def for_each(attempt: TaskRun, spec: Settings) -> Output:
    """Run the nested task once for each input; all are run, even if one fails."""
    inputs = loop_inputs(text(spec.get("inputs")))
    waiting, guard = iter(enumerate(inputs)), Lock()
    results: dict[int, Output] = {}

    def work() -> None:
        while attempt.stop.result is None:
            with guard:
                index, value = next(waiting, (None, None))
            if index is None:
                return
            results[index] = _iteration(attempt, index, value)

    workers = min(int(spec.get("concurrency") or 1), max(len(inputs), 1))
    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work) for _ in range(workers)]:
            future.result()
    return _loop_output(results, len(inputs))


def run_job(attempt: TaskRun, spec: Settings) -> Output:
    """Run another job of the bundle, to its end."""
    key = child_key(spec)
    run_id, result = start_child(attempt, key, spec.get("job_parameters") or {})
    facts = {"child_run": run_id}
    if result in SUCCEEDED:
        return Output(result, facts=facts)
    error = f"run {run_id} of job {key} ended {result}"
    return Output(Result.FAILED, error=error, error_code="RunExecutionError", facts=facts)


def child_key(spec: Settings) -> str:
    """The key of the job that a `run_job_task` names."""
    return str(spec.get("job_id", "")).removeprefix("resources.jobs.").removesuffix(".id")


def _iteration(attempt: TaskRun, index: int, value: object) -> Output:
    """One iteration; one that an earlier attempt brought to success is not repeated."""
    key = f"{attempt.key}[{index}]"
    done = attempt.run.kept.get(key)
    if done is not None and done.facts.get("input") == value:
        return Output(Result(done.state))
    return supervised(attempt.run, attempt.task.nested, key, attempt.stop, value)


def _loop_output(results: dict[int, Output], total: int) -> Output:
    failed = sorted(index for index, output in results.items() if output.result not in SUCCEEDED)
    if not failed:
        return Output(facts={"iterations": total})
    which = ", ".join(map(str, failed[:10]))
    first = results[failed[0]].error or results[failed[0]].result
    error = f"{len(failed)} of {total} iterations failed ({which}): {first}"
    return Output(Result.FAILED, error=error, error_code="RunExecutionError")

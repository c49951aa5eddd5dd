"""Executes the tasks of one run: starts what may start, waits, skips what is not to run."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread

from bundlerun.runner.context import Services
from bundlerun.runner.flow import Ended, Flow
from bundlerun.runner.journal import Journal
from bundlerun.runner.model import Job, Task
from bundlerun.runner.output import Output
from bundlerun.runner.record import Attempt, ended_of, facts_of
from bundlerun.runner.references import NOTHING, Scope, TaskFacts, resolved
from bundlerun.runner.states import Result
from bundlerun.runner.stop import Stop, Wakeup

CONTAINERS = ("for_each_task", "run_job_task")
"""Kinds that wait for others and heed a stop by themselves."""

Supervise = Callable[["JobRun", Task, str, Stop], Output]
"""Attempts a task until it succeeds or may not be retried."""


class JobRun:
    """A run of a job under way."""

    def __init__(
        self,
        job: Job,
        parameters: Mapping[str, str],
        *,
        services: Services,
        supervise: Supervise,
        journal: Journal,
        stop: Stop,
        trigger: str = "one_time",
        repair: int = 0,
        kept: Mapping[str, Attempt] | None = None,
        counts: Mapping[str, int] | None = None,
        start_time: datetime | None = None,
    ) -> None:
        self.job = job
        self.services = services
        self._supervised = supervise
        self.journal = journal
        self.stop = stop
        self.repair = repair
        self.kept = dict(kept or {})
        self.start_time = start_time or datetime.now(UTC)
        self._trigger = trigger
        self._counts = Counter(counts or {})
        self.parameters: Mapping[str, str] = {}
        self._ended: dict[str, TaskFacts] = {k: facts_of(a) for k, a in self.kept.items()}
        self.parameters = resolved(parameters, self.scope(None, 0, NOTHING))

    def execute(self) -> Result:
        """Run all tasks; a stop ends those that run and those that wait."""
        keys = {task.key for task in self.job.tasks}
        ended = {key: ended_of(attempt) for key, attempt in self.kept.items() if key in keys}
        flow, wakeup = Flow(self.job.tasks, ended), Wakeup()
        deadline = self._deadline()
        self.stop.wake(wakeup)
        self._advance(flow, wakeup)
        while not flow.is_over:
            message = self.services.clock.wait(wakeup, self._left(deadline))
            if isinstance(message, tuple):
                self._end(flow, *message)
            elif message is None:
                self.stop.set(Result.TIMEDOUT)
            if self.stop.result is not None:
                self._tell_skipped(flow, flow.abandon(Result.CANCELED))
            self._advance(flow, wakeup)
        return self.stop.result or flow.result

    def scope(self, task: Task | None, number: int, loop_input: object) -> Scope:
        """What references mean in a task that starts now."""
        job, facts = self.job, {}
        if task is not None:
            path = task.spec.get("notebook_path", "")
            facts = {"name": task.key, "execution_count": number, "notebook_path": path}
        return Scope(
            job={
                "id": job_id(self.services.bundle.name, job.key),
                "name": job.name,
                "run_id": self.journal.run_id,
                "repair_count": self.repair,
            },
            start_time=self.start_time,
            trigger=self._trigger,
            parameters=self.parameters,
            task=facts,
            tasks=self._ended,
            input=loop_input,
        )

    def counted(self, key: str) -> int:
        """The number of a task's next attempt; repairs count on."""
        with self.services.guard:
            self._counts[key] += 1
            return self._counts[key]

    @contextmanager
    def slot(self, task: Task, stop: Stop) -> Iterator[bool]:
        """A place among the tasks that run at once; False if the run is stopped before."""
        if task.kind in CONTAINERS:
            yield stop.result is None
            return
        slots, is_free = self.services.slots, False
        while not is_free and stop.result is None:
            is_free = slots.acquire(timeout=0.2)
        try:
            yield is_free
        finally:
            if is_free:
                slots.release()

    def unstarted(self, key: str, stop: Stop) -> Output:
        """The end of a task that the run was stopped before."""
        result = stop.result or Result.CANCELED
        self.journal.note("task_ended", task=key, attempt=0, state=result)
        return Output(result)

    def _advance(self, flow: Flow, wakeup: Wakeup) -> None:
        started, skipped = flow.startable()
        self._tell_skipped(flow, skipped)
        for task in started:
            Thread(target=self._supervise, args=(task, wakeup), daemon=True).start()

    def _supervise(self, task: Task, wakeup: Wakeup) -> None:
        output = Output(Result.FAILED, error="the runner failed")
        try:
            output = self._supervised(self, task, task.key, self.stop)
        finally:
            wakeup.put((task.key, output))

    def _end(self, flow: Flow, key: str, output: Output) -> None:
        attempt = Attempt(key, self._counts[key], self.repair, state=output.result)
        attempt.facts = {
            "error_code": output.error_code,
            "values": output.values,
            "output": output.output,
            **output.facts,
        }
        self._ended[key] = facts_of(attempt)
        flow.end(key, Ended(output.result, output.outcome))

    def _tell_skipped(self, flow: Flow, tasks: list[Task]) -> None:
        for task in tasks:
            result = flow.ended[task.key].result
            self._ended[task.key] = facts_of(Attempt(task.key, 0, self.repair, state=result))
            self.journal.note("task_ended", task=task.key, attempt=0, kind=task.kind, state=result)

    def _deadline(self) -> float | None:
        timeout = self.job.timeout
        return None if timeout is None else self.services.clock.seconds() + timeout

    def _left(self, deadline: float | None) -> float | None:
        if deadline is None or self.stop.result is not None:
            return None
        return deadline - self.services.clock.seconds()


def job_id(bundle: str, job: str) -> int:
    """A number that stands for a job of a bundle, the same on every machine."""
    import hashlib

    digest = hashlib.sha256(f"{bundle}/{job}".encode()).digest()
    return int.from_bytes(digest[:6], "big")

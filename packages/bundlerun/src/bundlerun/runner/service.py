"""Runs, repairs and lists the jobs of a bundle."""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from bundlerun.bundle import Bundle, load_bundle
from bundlerun.bundle.reader import configuration_files, target_names, together
from bundlerun.config import Config
from bundlerun.errors import UsageError
from bundlerun.runner.check import require_runnable
from bundlerun.runner.context import Services
from bundlerun.runner.engine import Engine
from bundlerun.runner.environments import installed, missing
from bundlerun.runner.errors import JobError, TaskError, UnknownJobError, UnknownRunError
from bundlerun.runner.graph import ancestors, descendants, part
from bundlerun.runner.journal import Journal, Listener
from bundlerun.runner.kinds import IN_PROCESS, KINDS
from bundlerun.runner.kinds.control import child_key
from bundlerun.runner.launch import Request, repair, start
from bundlerun.runner.model import Job, job_of
from bundlerun.runner.places import on_this_machine
from bundlerun.runner.record import Attempt, RunRecord, found_run, run_record, runs_folder
from bundlerun.runner.states import SUCCEEDED, Result
from bundlerun.runner.stop import Clock, Stop
from bundlerun.runner.wheels import Wheels
from pocketlake.redaction import HIDDEN, remember_secrets_of

LOCAL_TARGET = "local"


@dataclass(frozen=True)
class Asked:
    """What a person asks for when they run a job."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    only: Sequence[str] = ()
    start_from: str | None = None


class Runner:
    """A bundle's jobs on this machine."""

    def __init__(
        self,
        bundle: Bundle,
        config: Config,
        *,
        variables: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.bundle = bundle
        self.config = config
        self.stop = Stop()
        self._variables = dict(variables or {})
        self._services = Services(
            bundle=bundle,
            config=config,
            kinds=KINDS,
            wheels=Wheels(bundle.settings, bundle.folder),
            engine=Engine(config, str(bundle.folder)),
            clock=clock or Clock(),
        )

    def job(self, key: str) -> Job:
        """The job of that key."""
        if key not in self.bundle.jobs:
            known = ", ".join(sorted(self.bundle.jobs)) or "none"
            raise UnknownJobError(f"expected a job of the bundle, found {key!r}: it has {known}")
        return job_of(key, self.bundle.jobs[key])

    def request(self, key: str, asked: Asked) -> Request:
        """What is to be run, with the values of the parameters."""
        job = self.job(key)
        self._known_parameters(job, asked.parameters)
        chosen = _chosen(job, asked)
        told = {
            "folder": str(self.bundle.folder),
            "variables": self._variables,
            "chosen": [task.key for task in chosen.tasks],
        }
        return Request(chosen, {**job.parameters, **asked.parameters}, asked=told)

    def check(self, job: Job) -> None:
        """Raise with all that keeps a job from running here."""
        require_runnable(job, self.bundle, self._services.wheels)

    def provide(self, job: Job) -> None:
        """Install what a job, and those that it runs, ask for; raise with what cannot be had."""
        config, problems = self.config, []
        for task in (one for outer in job.tasks for one in (outer, outer.nested)):
            needed = missing(task, job) if task.kind in IN_PROCESS and not task.is_disabled else []
            try:
                if needed:
                    installed(needed, config.cache_folder, dict(config.environ))
            except TaskError as error:
                problems.append(f"task {task.key}: {error}")
            if task.kind == "run_job_task" and not task.is_disabled:
                self.provide(self.job(child_key(task.spec)))
        if problems:
            raise JobError(job.key, problems)

    def run(self, request: Request, *listeners: Listener) -> tuple[RunRecord, Result]:
        """Run a job; Ctrl-C cancels it."""
        self._services.engine.prepare()
        self.check(request.job)
        self.provide(request.job)
        self._services.listeners = listeners
        with _cancelled_by_keyboard(self.stop):
            run_id, result = start(request, self._services, self.stop)
            return self._ended(run_id), result

    def repair(
        self, record: RunRecord, given: Mapping[str, str], *listeners: Listener
    ) -> tuple[RunRecord, Result]:
        """Run again what did not succeed in a run, and what depends on it.

        Parameters have the run's values unless others are given.
        """
        if not record.is_over:
            message = f"expected run {record.run_id} to have ended, found it {record.state}"
            raise UnknownRunError(message)
        whole = self.job(record.job)
        job = part(whole, record.facts.get("chosen") or [task.key for task in whole.tasks])
        rerun = unsuccessful(job, record)
        if not rerun and record.state in SUCCEEDED:
            message = f"expected a task of run {record.run_id} that failed, found none"
            raise UnknownRunError(message)
        self.check(job)
        self._known_parameters(job, given)
        values = {**job.parameters, **(record.facts.get("parameters") or {}), **given}
        hidden = [name for name in job.parameters if values[name] == HIDDEN]
        if hidden:
            message = f"expected --param {hidden[0]}=..., found none: a secret is not kept"
            raise UnknownRunError(message)
        values = {name: values[name] for name in job.parameters}
        told = {key: record.facts.get(key) for key in ("folder", "variables", "chosen")}
        self._services.listeners = listeners
        request = Request(job, values, parent=record.facts.get("parent"), asked=told)
        with _cancelled_by_keyboard(self.stop):
            kept = still_valid(job, record, rerun)
            run_id, result = repair(record, request, self._services, self.stop, kept)
            return self._ended(run_id), result

    @staticmethod
    def _known_parameters(job: Job, given: Mapping[str, str]) -> None:
        unknown = sorted(set(given) - set(job.parameters))
        if unknown:
            known = ", ".join(job.parameters) or "none"
            problem = f"it has no parameter {', '.join(unknown)}: its parameters are {known}"
            raise JobError(job.key, [problem])
        remember_secrets_of(given)

    def _ended(self, run_id: str) -> RunRecord:
        """The run, brought into its table; a failure to do so is told and changes no result."""
        error = self._services.engine.record() if self._services.engine.is_used else None
        if error is not None:
            with Journal(self._services.runs / run_id, *self._services.listeners) as journal:
                journal.note("not_recorded", error=error)
        return run_record(self._services.runs / run_id)


def open_bundle(
    config: Config, folder: Path, target: str | None, variables: Mapping[str, str]
) -> Bundle:
    """The bundle of a folder, to run it here; its target `local` if it has that."""
    if target is None and LOCAL_TARGET in target_names(together(configuration_files(folder))):
        target = LOCAL_TARGET
    home = config.choices.home_variable
    given = {**({home: str(config.home)} if home else {}), **variables}
    bundle = load_bundle(folder, target=target, variables=given, environ=config.environ)
    return on_this_machine(bundle, config.home / "files")


def runner_of(home: Path, environ: Mapping[str, str], name: str) -> tuple[Runner, RunRecord]:
    """A runner for the bundle that an earlier run is of, and that run."""
    record = found_run(runs_folder(home), name)
    if "folder" not in record.facts:
        parent = (record.facts.get("parent") or {}).get("run", "of another job")
        message = f"expected a run of its own, found {record.run_id}: repair run {parent}"
        raise UnknownRunError(message)
    variables = record.facts.get("variables") or {}
    folder = Path(record.facts["folder"])
    config = Config.load(home, environ, folder=folder)
    bundle = open_bundle(config, folder, record.facts["target"], variables)
    return Runner(bundle, config, variables=variables), record


def unsuccessful(job: Job, record: RunRecord) -> set[str]:
    """The tasks that a repair runs: those that did not succeed, and all that depend on them."""
    done = record.succeeded()
    failed = [task.key for task in job.tasks if task.key not in done]
    return {key for task in failed for key in (task, *descendants(job.tasks, task))}


def still_valid(job: Job, record: RunRecord, rerun: set[str]) -> dict[str, Attempt]:
    """The attempts that a repair builds on.

    Of a loop that failed, those are the iterations that succeeded, if nothing before it runs anew.
    """
    done = record.succeeded()
    loops = {key for key in rerun - set(done) if not ancestors(job.tasks, key) & rerun}
    return {
        key: attempt
        for key, attempt in done.items()
        if key not in rerun and (key.partition("[")[0] in loops or "[" not in key)
    }


def _chosen(job: Job, asked: Asked) -> Job:
    """The job with the tasks that were asked for."""
    known = [task.key for task in job.tasks]
    named = [*asked.only, *([asked.start_from] if asked.start_from else [])]
    unknown = [key for key in named if key not in known]
    if unknown:
        problem = f"it has no task {', '.join(unknown)}: its tasks are {', '.join(known)}"
        raise JobError(job.key, [problem])
    if asked.only and asked.start_from:
        raise UsageError("expected --only or --from, found both: leave one out")
    if asked.start_from:
        return part(job, {asked.start_from, *descendants(job.tasks, asked.start_from)})
    return part(job, asked.only) if asked.only else job


@contextmanager
def _cancelled_by_keyboard(stop: Stop) -> Iterator[None]:
    """Let the first Ctrl-C cancel the run and the second one end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def cancel(_signal: int, _frame: FrameType | None) -> None:
        if stop.result is not None:
            raise KeyboardInterrupt
        stop.set(Result.CANCELED)

    before = signal.signal(signal.SIGINT, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

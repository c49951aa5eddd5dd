"""Jobs, runs and plans as rows of tables."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bundlerun.bundle import Bundle
from bundlerun.config import Config
from bundlerun.runner.launch import Request
from bundlerun.runner.model import Settings, text
from bundlerun.runner.plan import plan
from bundlerun.runner.record import RunRecord, all_runs, runs_folder
from bundlerun.runner.view import took

COLUMNS = ("job", "schedule", "tasks", "last run (UTC)", "took", "state")
RUN_COLUMNS = ("run", "job", "target", "state", "started (UTC)", "took", "error")
PLAN_COLUMNS = ("wave", "task", "after", "what it does", "parameters", "options")

Row = tuple[object, ...]


def job_rows(bundle: Bundle, config: Config) -> list[Row]:
    """The jobs of a bundle, each with its last run on this machine."""
    last: dict[str, RunRecord] = {}
    for run in all_runs(runs_folder(config.home)):
        if run.facts.get("bundle") == bundle.name:
            last.setdefault(run.job, run)
        if last.keys() >= bundle.jobs.keys():
            break
    return [
        (key, schedule(settings), _tasks(settings), *_last_run(last.get(key)))
        for key, settings in sorted(bundle.jobs.items())
    ]


def schedule(settings: Settings) -> str:
    """When a workspace would start the job."""
    cron: Mapping[str, str] = settings.get("schedule") or {}
    trigger: Mapping[str, Mapping[str, Any]] = settings.get("trigger") or {}
    parts = []
    if cron:
        parts.append(f"{cron.get('quartz_cron_expression')} {cron.get('timezone_id', '')}".strip())
    for kind, how in trigger.items():
        if isinstance(how, Mapping):
            parts.append(f"{kind} {' '.join(text(value) for value in how.values())}")
    if settings.get("continuous"):
        parts.append("continuous")
    paused = [s.get("pause_status") for s in (cron, trigger, settings.get("continuous") or {})]
    return ", ".join(parts) + (" (paused)" if "PAUSED" in paused else "")


def run_rows(runs: Sequence[RunRecord]) -> list[Row]:
    """Runs, one a line."""
    rows: list[Row] = []
    for run in runs:
        part = run.parts[-1]
        errors = [a.error for a in run.last().values() if a.error]
        began, seconds, state = _last_run(run)
        error = part.error or (errors[0] if errors else None)
        rows.append((run.run_id, run.job, run.facts.get("target"), state, began, seconds, error))
    return rows


def plan_rows(request: Request) -> list[Row]:
    """The tasks of a run as they would be run."""
    return [
        (p.wave, p.task, p.after, p.does, text(p.parameters) if p.parameters else "", p.options)
        for p in plan(request)
    ]


def attempt_facts(run: RunRecord) -> dict[str, object]:
    """A run with all attempts of its tasks, for programs."""
    attempts = [
        {
            "task": attempt.task,
            "attempt": attempt.number,
            "repair": attempt.repair,
            "state": attempt.state,
            "seconds": attempt.seconds,
            "error": attempt.error,
            "log": attempt.facts.get("log"),
            "read": attempt.facts.get("read"),
            "written": attempt.facts.get("written"),
            "child_run": attempt.facts.get("child_run"),
        }
        for attempt in run.attempts
    ]
    facts = {key: run.facts.get(key) for key in ("job", "bundle", "target", "parameters", "by")}
    repairs = run.parts[-1].repair
    head = {"event": "run", "run": run.run_id, "state": run.state, "repair_count": repairs}
    return {**head, **facts, "attempts": attempts}


def _tasks(settings: Settings) -> str:
    return ", ".join(str(task.get("task_key")) for task in settings.get("tasks") or ())


def _last_run(run: RunRecord | None) -> tuple[str, str, str]:
    """When it began, how long it took, what came of it."""
    if run is None:
        return "", "", ""
    part = run.parts[-1]
    seconds = None if part.ended_at is None else part.ended_at - part.started_at
    began = datetime.fromtimestamp(part.started_at, UTC)
    return f"{began:%Y-%m-%d %H:%M:%S}", took(seconds), run.state

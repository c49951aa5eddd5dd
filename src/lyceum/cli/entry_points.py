"""Wheel entry points of single commands, for `python_wheel_task`."""

import sys

from lyceum.cli import main


def lms_load() -> None:
    """The entry point of `lyceum lms load`."""
    _run("lms", "load")


def lms_get() -> None:
    """The entry point of `lyceum lms get`."""
    _run("lms", "get")


def lms_retry_failed() -> None:
    """The entry point of `lyceum lms retry-failed`."""
    _run("lms", "retry-failed")


def lms_serve() -> None:
    """The entry point of `lyceum lms serve`."""
    _run("lms", "serve")


def sales_load() -> None:
    """The entry point of `lyceum sales load`."""
    _run("sales", "load")


def sales_monthly() -> None:
    """The entry point of `lyceum sales monthly`."""
    _run("sales", "monthly")


def sales_performance() -> None:
    """The entry point of `lyceum sales performance`."""
    _run("sales", "performance")


def events_run() -> None:
    """The entry point of `lyceum events run`."""
    _run("events", "run")


def events_preprocess() -> None:
    """The entry point of `lyceum events preprocess`."""
    _run("events", "preprocess")


def events_quarantine() -> None:
    """The entry point of `lyceum events quarantine`."""
    _run("events", "quarantine")


def events_export() -> None:
    """The entry point of `lyceum events export`."""
    _run("events", "export")


def _run(*command: str) -> None:
    """Run a command on the task's parameters; a workspace ignores what an entry point returns."""
    code = main([*command, *sys.argv[1:]])
    if code != 0:
        raise SystemExit(code)

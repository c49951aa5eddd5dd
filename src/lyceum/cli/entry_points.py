"""Wheel entry points of single commands, for `python_wheel_task`."""

import sys

from lyceum.cli import main


def lms_load() -> int:
    """The entry point of `lyceum lms load`."""
    return main(["lms", "load", *sys.argv[1:]])


def lms_get() -> int:
    """The entry point of `lyceum lms get`."""
    return main(["lms", "get", *sys.argv[1:]])


def lms_retry_failed() -> int:
    """The entry point of `lyceum lms retry-failed`."""
    return main(["lms", "retry-failed", *sys.argv[1:]])


def lms_serve() -> int:
    """The entry point of `lyceum lms serve`."""
    return main(["lms", "serve", *sys.argv[1:]])

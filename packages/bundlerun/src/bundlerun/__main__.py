"""`python -m bundlerun`."""

from bundlerun.cli import run_process

run_process()

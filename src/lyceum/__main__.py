"""`python -m lyceum` is `lyceum`."""

from lyceum.cli import run_process

run_process()

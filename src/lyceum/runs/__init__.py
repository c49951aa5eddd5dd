"""Runs of jobs: lock, ledger, stages, log lines."""

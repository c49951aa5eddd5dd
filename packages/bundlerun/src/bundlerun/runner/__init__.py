"""Runs a bundle's jobs on one machine, with the semantics of Lakeflow Jobs."""

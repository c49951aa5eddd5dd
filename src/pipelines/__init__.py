"""Declarative pipelines: wiring only, for Lakeflow and for the executor on one machine alike."""

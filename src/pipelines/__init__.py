"""Declarative pipelines: wiring only, for Lakeflow and for Spark's own engine alike."""

"""Exports: what leaves the lakehouse, one module a consumer."""

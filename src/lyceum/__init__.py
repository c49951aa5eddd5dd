"""Lyceum: a lakehouse for learning programmes, in a workspace or on one laptop."""

"""Reads and checks Declarative Automation Bundles, offline."""

from lyceum.local.bundle.errors import BundleError, NoBundleError, Position, Problem
from lyceum.local.bundle.reader import Bundle, find_bundle, load_bundle

__all__ = [
    "Bundle",
    "BundleError",
    "NoBundleError",
    "Position",
    "Problem",
    "find_bundle",
    "load_bundle",
]

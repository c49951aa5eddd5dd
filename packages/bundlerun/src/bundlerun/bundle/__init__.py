"""Reads and checks Declarative Automation Bundles, offline."""

from bundlerun.bundle.errors import BundleError, NoBundleError, Position, Problem
from bundlerun.bundle.reader import Bundle, find_bundle, load_bundle

__all__ = [
    "Bundle",
    "BundleError",
    "NoBundleError",
    "Position",
    "Problem",
    "find_bundle",
    "load_bundle",
]

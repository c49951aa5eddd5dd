"""Delta tables through Spark Connect: embedded without Java, on Spark, or in a workspace."""

from importlib import import_module
from typing import TYPE_CHECKING

from pocketlake.errors import (
    ConflictError,
    DeclarationError,
    DuplicateKeysError,
    LakeError,
    MisfitError,
    NotNullError,
    OutsideSliceError,
    SchemaChangeError,
    UnsupportedTableError,
)
from pocketlake.versions import Commit, Facts, Stale, Version, Written

if TYPE_CHECKING:
    from pocketlake.declaration import Declaration, quoted, text_literal
    from pocketlake.lake import Lake

# With pyspark, which takes a third of a second: only for who asks for them.
_LATER = {
    "Declaration": "declaration",
    "Lake": "lake",
    "quoted": "declaration",
    "text_literal": "declaration",
}

__all__ = [
    "Commit",
    "ConflictError",
    "Declaration",
    "DeclarationError",
    "DuplicateKeysError",
    "Facts",
    "Lake",
    "LakeError",
    "MisfitError",
    "NotNullError",
    "OutsideSliceError",
    "SchemaChangeError",
    "Stale",
    "UnsupportedTableError",
    "Version",
    "Written",
    "quoted",
    "text_literal",
]


def __getattr__(name: str) -> object:
    if name not in _LATER:
        message = f"module 'pocketlake' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"pocketlake.{_LATER[name]}"), name)

"""Delta tables through Spark Connect: embedded without Java, on Spark, or in a workspace."""

from pocketlake.declaration import Declaration, quoted, text_literal
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
from pocketlake.lake import Lake
from pocketlake.versions import Commit, Facts, Version, Written

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
    "UnsupportedTableError",
    "Version",
    "Written",
    "quoted",
    "text_literal",
]

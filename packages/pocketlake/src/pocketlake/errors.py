"""The errors of pocketlake: each message says what was expected and what was found."""


class LakeError(Exception):
    """A table cannot be read or written as it was asked for."""

    exit_code = 1


class DeclarationError(LakeError):
    """A declaration that contradicts itself or cannot be parsed."""


class SchemaChangeError(LakeError):
    """A declaration asks for a change that could lose data of an existing table."""


class MisfitError(LakeError):
    """A frame lacks a declared column, or its values have another type; nothing was written."""


class NotNullError(LakeError):
    """A row has no value in a column that is declared NOT NULL; nothing was written."""

    @classmethod
    def of(cls, column: str) -> "NotNullError":
        """The error of one column."""
        return cls(f"expected a value in {column}, found NULL: it is declared NOT NULL")


class DuplicateKeysError(LakeError):
    """Two rows to merge have the same key; nothing was written."""

    @classmethod
    def of(cls, table: str, keys: tuple[str, ...], count: int) -> "DuplicateKeysError":
        """The error of one key; the key itself may be personal data and is not shown."""
        message = f"expected one row a key to merge into {table}, found {count} rows"
        return cls(f"{message} with one {', '.join(keys)}")


class OutsideSliceError(LakeError):
    """A row to replace a slice does not belong to it; nothing was written."""

    @classmethod
    def of(cls, table: str, where: str) -> "OutsideSliceError":
        """The error of one slice; the row may hold personal data and is not shown."""
        return cls(f"expected rows of {table} where {where}, found one outside")


class UnsupportedTableError(LakeError):
    """The table has a feature that this engine cannot write."""


class ConflictError(LakeError):
    """Another process changed the table meanwhile; the same write may succeed now."""

    is_transient = True

    def __init__(self, message: str = "another process wrote the table meanwhile") -> None:
        super().__init__(message)

"""Why a delivered file cannot be used."""

from lyceum.errors import LyceumError


class UnreadableFileError(LyceumError):
    """A file from which no row can be had; the message is the reason, for a person."""

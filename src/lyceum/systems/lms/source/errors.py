"""What stops a load from the LMS; a fault of one event never does."""

from lyceum.errors import LyceumError


class LmsError(LyceumError):
    """The load cannot go on; `kind` is a short word to count by."""

    kind = "lms"

    def __init__(self, message: str, *, kind: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind or self.kind


class LmsAuthError(LmsError):
    """The LMS gives no access token for these credentials."""

    kind = "auth"


class LmsPagingError(LmsError):
    """The list of events cannot be read to its end."""

    kind = "paging"


class LmsCircuitError(LmsError):
    """The LMS kept failing, so that no further call is made."""

    kind = "circuit_open"

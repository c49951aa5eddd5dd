"""What ends the work with a server; a fault of one call never does."""

from lyceum.errors import LyceumError


class ServerError(LyceumError):
    """The work with the server cannot go on; `kind` is a short word to count by."""

    kind = "server"

    def __init__(self, message: str, *, kind: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind or self.kind


class AuthError(ServerError):
    """The server gives no access token for these credentials."""

    kind = "auth"


class CircuitError(ServerError):
    """The server kept failing, so that no further call is made."""

    kind = "circuit_open"

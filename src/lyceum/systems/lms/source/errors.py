"""What stops a load from the LMS beside what stops any work with a server."""

from lyceum.http.errors import ServerError


class LmsPagingError(ServerError):
    """The list of events cannot be read to its end."""

    kind = "paging"

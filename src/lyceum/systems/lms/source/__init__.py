"""The LMS API: how it is called, and what its answers become on disk.

The client is in `client`, what uses it in `fetch`: nothing here imports aiohttp, so that a command
that calls nothing stays fast.
"""

from lyceum.systems.lms.source.errors import LmsAuthError, LmsError, LmsPagingError

__all__ = ["LmsError", "LmsAuthError", "LmsPagingError"]

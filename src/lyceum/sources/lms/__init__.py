"""The LMS API: its settings and errors.

The client is in `client`, what uses it in `fetch`: nothing here imports aiohttp, so that reading
the configuration stays fast.
"""

from lyceum.sources.lms.errors import LmsAuthError, LmsError, LmsPagingError
from lyceum.sources.lms.settings import LmsSettings, LmsSettingsError, Secret

__all__ = [
    "LmsSettings",
    "Secret",
    "LmsError",
    "LmsAuthError",
    "LmsPagingError",
    "LmsSettingsError",
]

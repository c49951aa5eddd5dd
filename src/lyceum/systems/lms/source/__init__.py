"""The LMS API: its settings and errors.

The client is in `client`, what uses it in `fetch`: nothing here imports aiohttp, so that reading
the configuration stays fast.
"""

from lyceum.systems.lms.source.errors import LmsAuthError, LmsError, LmsPagingError
from lyceum.systems.lms.source.settings import LmsSettings, LmsSettingsError, Secret

__all__ = [
    "LmsSettings",
    "Secret",
    "LmsError",
    "LmsAuthError",
    "LmsPagingError",
    "LmsSettingsError",
]

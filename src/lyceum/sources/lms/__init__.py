"""The LMS API: its settings and errors.

The client is in `client`, the Spark source in `datasource`: nothing here imports aiohttp or
Spark, so that reading the configuration stays fast.
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

"""What there is to set about an LMS: every path, field and limit of its API."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from lyceum.errors import UsageError
from lyceum.runs.redaction import remember_secret


class LmsSettingsError(UsageError):
    """A setting of the LMS has a value that it cannot have."""


@dataclass(frozen=True)
class Secret:
    """A string that shows as `***` wherever it is printed, logged or put into an error."""

    value: str = field(repr=False)

    def __post_init__(self) -> None:
        remember_secret(self.value)

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self.value)


@dataclass(frozen=True)
class LmsSettings:
    """How to reach one LMS and how to treat it; field paths are dotted, times are seconds."""

    base_url: str
    client_id: str
    client_secret: Secret

    token_path: str = "/oauth/token"  # noqa: S105 - a URL path
    token_auth: Literal["form", "basic"] = "form"  # noqa: S105 - how, not what
    scope: str = ""
    events_path: str = "/api/v1/events"
    details_path: str = "/api/v1/events/{id}/session-details"

    paging: Literal["page", "offset", "next_link"] = "page"
    page_param: str = "page"
    page_size_param: str = "page_size"
    offset_param: str = "offset"
    first_page: int = 1
    page_size: int = 100
    since_param: str = "updated_since"
    next_link_field: str = "next"

    events_field: str = "data"
    event_id_field: str = "id"
    current_page_field: str = "current_page"
    total_field: str = "total_count"
    has_more_field: str = "has_more_data"

    concurrency: int = 128
    rate: float | None = None
    max_retries: int = 5
    backoff_base: float = 0.5
    backoff_cap: float = 30.0
    max_retry_after: float = 300.0
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    total_timeout: float = 300.0
    token_refresh_margin: float = 60.0
    breaker_window: int = 50
    breaker_threshold: float = 0.8
    breaker_reset: float = 30.0
    breaker_max_probes: int = 5
    chunk_events: int = 5_000
    max_body_bytes: int = 64 * 1024 * 1024
    max_pages: int = 100_000
    page_asks: int = 3
    """How often a page is asked for that repeats another one or contradicts itself."""

    def __post_init__(self) -> None:
        """Refuse values that no client could work with; raises LmsSettingsError."""
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            _refuse("base_url", "a URL such as https://lms.example.com", "something else")
        if url.username or url.password or url.query or url.fragment:
            _refuse("base_url", "a URL without user, query and fragment", "one that has them")
        if "{id}" not in self.details_path:
            _refuse("details_path", "a path with {id} in it", repr(self.details_path))
        for name in ("concurrency", "page_size", "breaker_window", "max_pages", "page_asks"):
            if getattr(self, name) < 1:
                _refuse(name, "at least 1", repr(getattr(self, name)))
        if self.rate is not None and not 0 < self.rate < float("inf"):
            _refuse("rate", "calls per second above 0, or nothing for no limit", repr(self.rate))


def _refuse(name: str, expected: str, found: str) -> None:
    message = f"expected LMS_{name.upper()} to be {expected}, found {found}"
    raise LmsSettingsError(message)

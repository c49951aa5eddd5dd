"""What there is to set about an LMS: every path, field and limit of its API."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Secret:
    """A string that shows as `***` wherever it is printed, logged or put into an error."""

    value: str = field(repr=False)

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
    events_path: str = "/api/v1/events"
    details_path: str = "/api/v1/events/{id}/session-details"

    paging: Literal["page", "offset", "next_link"] = "page"
    page_param: str = "page"
    page_size_param: str = "page_size"
    first_page: int = 1
    page_size: int = 100
    since_param: str = "updated_since"
    next_link_field: str = "next"

    events_field: str = "data"
    event_id_field: str = "id"
    current_page_field: str = "current_page"
    total_field: str = "total_count"
    has_more_field: str = "has_more_data"

    concurrency: int = 32
    rate: float | None = None
    max_retries: int = 5
    backoff_base: float = 0.5
    backoff_cap: float = 30.0
    max_retry_after: float = 300.0
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    token_refresh_margin: float = 60.0
    breaker_window: int = 50
    breaker_threshold: float = 0.8
    breaker_reset: float = 30.0
    breaker_max_probes: int = 5
    max_body_bytes: int = 64 * 1024 * 1024

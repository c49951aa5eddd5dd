"""What there is to set about an LMS: every path, field, limit and threshold."""

from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from lyceum.system_settings import FROM_SCOPE, SystemSettings
from lyceum.systems.lms.fields import LmsFields


class LmsSettings(SystemSettings):
    """How to reach one LMS and how to treat it; field paths are dotted, times are seconds."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="LMS_")

    base_url: str
    client_id: Annotated[str, FROM_SCOPE]
    client_secret: SecretStr

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
    page_size: int = Field(100, ge=1)
    since_param: str = "updated_since"
    next_link_field: str = "next"

    events_field: str = "data"
    event_id_field: str = "id"
    current_page_field: str = "current_page"
    total_field: str = "total_count"
    has_more_field: str = "has_more_data"

    concurrency: int = Field(128, ge=1)
    rate: float | None = None
    max_retries: int = 5
    backoff_base: float = 0.5
    backoff_cap: float = 30.0
    max_retry_after: float = 300.0
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    total_timeout: float = 300.0
    token_refresh_margin: float = 60.0
    breaker_window: int = Field(50, ge=1)
    breaker_threshold: float = 0.8
    breaker_reset: float = 30.0
    breaker_max_probes: int = 5
    chunk_events: int = 5_000
    max_body_bytes: int = 64 * 1024 * 1024
    max_pages: int = Field(100_000, ge=1)
    page_asks: int = Field(3, ge=1)
    """How often a page is asked for that repeats another one or contradicts itself."""

    @field_validator("base_url")
    @classmethod
    def _is_base(cls, text: str) -> str:
        url = urlsplit(text)
        # What is found is not repeated: it may hold a password.
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("a URL such as https://lms.example.com, found something else")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("a URL without user, query and fragment, found one that has them")
        return text

    @field_validator("details_path")
    @classmethod
    def _has_id(cls, text: str) -> str:
        if "{id}" not in text:
            raise ValueError(f"a path with {{id}} in it, found {text!r}")
        return text

    @field_validator("rate")
    @classmethod
    def _is_rate(cls, rate: float | None) -> float | None:
        if rate is not None and not 0 < rate < float("inf"):
            raise ValueError(f"calls per second above 0, or nothing for no limit, found {rate!r}")
        return rate


class LmsFieldSettings(LmsFields, SystemSettings):
    """The paths into the payloads as settings; what the client reads too is one for both."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="LMS_FIELD_")

    events: str = Field("data", validation_alias="LMS_EVENTS_FIELD")
    event_id: str = Field("id", validation_alias="LMS_EVENT_ID_FIELD")


class LmsThresholds(SystemSettings):
    """Shares of the rows for which a check of the LMS suite has to hold, from 0 to 1."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="LMS_QUALITY_")

    event_coverage: float = 0.95
    """Of the listed events, those with session details."""
    session_counts: float = 0.95
    """Of the events that announce a number of sessions, those with as many."""
    timing: float = 0.95
    """Of the sessions, those with usable times; an LMS that people type into has exceptions."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_share(cls, given: object) -> float:
        try:
            share = float(str(given))
        except ValueError:
            raise ValueError(f"a share from 0 to 1, found {given!r}") from None
        if not 0 <= share <= 1:
            raise ValueError(f"a share from 0 to 1, found {share!r}")
        return share

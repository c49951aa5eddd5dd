"""What there is to set about an LMS: every path, field, limit and threshold."""

from typing import ClassVar, Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from lyceum.http.settings import HttpSettings
from lyceum.system_settings import SystemSettings
from lyceum.systems.lms.fields import LmsFields


class LmsSettings(HttpSettings):
    """One LMS and its API; field paths are dotted."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="LMS_")

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

    chunk_events: int = 5_000
    max_pages: int = Field(100_000, ge=1)
    page_asks: int = Field(3, ge=1)
    """How often a page is asked for that repeats another one or contradicts itself."""

    @field_validator("details_path")
    @classmethod
    def _has_id(cls, text: str) -> str:
        if "{id}" not in text:
            raise ValueError(f"a path with {{id}} in it, found {text!r}")
        return text


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

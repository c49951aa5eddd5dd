"""What there is to set about any server that is called with OAuth."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from lyceum.system_settings import FROM_SCOPE, SystemSettings


class HttpSettings(SystemSettings):
    """How to reach a server and how fast to call it; times are seconds."""

    base_url: str
    client_id: Annotated[str, FROM_SCOPE]
    client_secret: SecretStr

    token_path: str = "/oauth/token"  # noqa: S105 - a URL path
    token_auth: Literal["form", "basic"] = "form"  # noqa: S105 - how, not what
    scope: str = ""

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
    max_body_bytes: int = 64 * 1024 * 1024

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

    @field_validator("rate")
    @classmethod
    def _is_rate(cls, rate: float | None) -> float | None:
        if rate is not None and not 0 < rate < float("inf"):
            raise ValueError(f"calls per second above 0, or nothing for no limit, found {rate!r}")
        return rate

"""What must never be printed: known secret values, and whatever stands under a telling name."""

import re
from collections.abc import Mapping

HIDDEN = "***"
_SHORTEST = 6
_NAMES = re.compile(
    r"(secret|passw(or)?d|token|(api|secret|access|private)[_-]?key|authorization|credentials?)$",
    re.I,
)
_IN_TEXT = re.compile(
    r"((?:password|secret|token|api_?key)\s*[=:]\s*|bearer\s+)[^\s&;,@'\"]+"
    r"|(://[^/\s:@]*:)[^\s&;,@'\"]+(?=@)",
    re.I,
)
_KNOWN: set[str] = set()


def remember_secret(value: str) -> None:
    """Hide this value from now on wherever it turns up; too short a one would hide words."""
    if len(value) >= _SHORTEST:
        _KNOWN.add(value)


def remember_secrets_of(environ: Mapping[str, str]) -> None:
    """Hide the values of the variables whose name tells of a secret."""
    for name, value in environ.items():
        if is_secret_name(name):
            remember_secret(value)


def is_secret_name(name: str) -> bool:
    """True for names that end like `client_secret`, `PGPASSWORD`, `access_token`.

    >>> [is_secret_name(name) for name in ("LMS_CLIENT_SECRET", "LYCEUM_SECRET_SCOPE", "PWD")]
    [True, False, False]
    """
    return _NAMES.search(name) is not None


def redacted(value: object) -> object:
    """The value without secrets: strings, and mappings and lists of them, at any depth.

    >>> redacted({"user": "ann", "password": "hunter2"})
    {'user': 'ann', 'password': '***'}
    >>> redacted("jdbc:postgresql://ann:hunter2@db/x?password=hunter2&ssl=true")
    'jdbc:postgresql://ann:***@db/x?password=***&ssl=true'
    >>> redacted("http://127.0.0.1:8080/x")
    'http://127.0.0.1:8080/x'
    """
    if isinstance(value, str):
        return _redacted_text(value)
    if isinstance(value, Mapping):
        return {k: HIDDEN if is_secret_name(str(k)) else redacted(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value if isinstance(value, int | float | None) else _redacted_text(str(value))


def _redacted_text(text: str) -> str:
    # The longest first: a secret may be a part of another one.
    for secret in sorted(_KNOWN, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _IN_TEXT.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", text)

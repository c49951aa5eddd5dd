"""OAuth2 client credentials, the server's side."""

import binascii
import secrets
import time
from base64 import b64decode
from collections.abc import Mapping
from hmac import compare_digest
from urllib.parse import unquote_plus


class Tokens:
    """Bearer tokens for one client, each valid for `ttl` seconds."""

    def __init__(self, client_id: str, client_secret: str, ttl: float) -> None:
        self._credentials = (client_id, client_secret)
        self._ttl = ttl
        self._expiry: dict[str, float] = {}

    def knows(self, authorization: str, form: Mapping[str, str]) -> bool:
        """Whether Basic authorization, or else the form, carries the client's credentials."""
        pairs = zip(_credentials(authorization, form), self._credentials, strict=True)
        return all(compare_digest(given.encode(), wanted.encode()) for given, wanted in pairs)

    def issue(self) -> str:
        """A new token."""
        token = secrets.token_urlsafe(24)
        self._expiry[token] = time.monotonic() + self._ttl
        return token

    def accepts(self, authorization: str) -> bool:
        """Whether a header carries a token that has not expired."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and time.monotonic() < self._expiry.get(token, 0.0)

    def expire_all(self) -> None:
        """Make every token given out so far invalid."""
        self._expiry.clear()


def _credentials(authorization: str, form: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, client_secret = b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    # RFC 6749, section 2.3.1: both parts are form-encoded before they are joined.
    return unquote_plus(client_id), unquote_plus(client_secret)

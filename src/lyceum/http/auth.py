"""OAuth2 client credentials: one token for all calls, fetched by one call at a time."""

import base64
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote_plus, urlencode

from lyceum.http.errors import AuthError
from lyceum.http.retry import HttpCallError, call_with_retries
from lyceum.http.settings import HttpSettings
from lyceum.http.transport import Request
from lyceum.runs.retry import RetryPolicy

logger = logging.getLogger(__name__)

# Sends a request; gives the time at which it left, and the object that came back.
Exchange = Callable[[Request], Awaitable[tuple[float, dict[str, Any]]]]

# The codes of RFC 6749, section 5.2: no other text of the answer is safe to repeat.
OAUTH_ERRORS = (
    "invalid_request", "invalid_client", "invalid_grant",
    "unauthorized_client", "unsupported_grant_type", "invalid_scope",
)  # fmt: skip


class TokenProvider:
    """The current access token, renewed before it expires and after a 401.

    One caller at a time may ask for a token: the client's turnstile sees to that.
    """

    def __init__(
        self,
        settings: HttpSettings,
        exchange: Exchange,
        policy: RetryPolicy,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._exchange = exchange
        self._policy = policy
        self._clock = clock
        self._token: str | None = None
        self._renew_at = -math.inf
        self._usable_until = -math.inf
        self._failure: HttpCallError | AuthError | None = None
        self._failed_at = -math.inf
        self._is_rejected = False
        self._replaces_rejected = False
        self._is_proven = False

    @property
    def current(self) -> str | None:
        """The token, or None when it is time for another one."""
        return self._token if self._clock() < self._renew_at else None

    def is_usable(self, token: str) -> bool:
        """True if this is still the token, not rejected and not at its very end."""
        is_alive = self._clock() < self._usable_until
        return token == self._token and not self._is_rejected and is_alive

    async def token(self, asked_at: float) -> str:
        """A new token for a call that has waited since `asked_at`.

        Raises AuthError when the server gives none, HttpCallError `token_unavailable` when it
        cannot be reached although it gave one before. Who waited while that happened shares the
        outcome; a refusal is final.
        """
        if isinstance(self._failure, AuthError):
            raise AuthError(str(self._failure), kind=self._failure.kind)
        if self._failure is not None and asked_at <= self._failed_at:
            raise HttpCallError(self._failure.kind, self._failure.message)
        try:
            return self._keep(*await call_with_retries(self._ask, self._policy))
        except HttpCallError as fault:
            self._failure, self._failed_at = self._failure_of(fault), self._clock()
            raise self._failure from None
        except AuthError as error:
            self._failure = error
            raise

    def accept(self, token: str) -> None:
        """Note that a call with this token got any answer but a 401."""
        if token == self._token:
            self._is_proven = True

    def reject(self, token: str) -> bool:
        """Note a 401 to a call with this token; return whether a fresh one may help.

        A token that was itself fetched because of a 401 and never worked is not replaced: the
        LMS refuses the client, and a token for each of its calls would be a storm.
        """
        if token != self._token:
            return True
        if self._replaces_rejected and not self._is_proven:
            return False
        self._renew_at = -math.inf
        self._is_rejected = True
        return True

    async def _ask(self) -> tuple[float, dict[str, Any]]:
        return await self._exchange(token_request(self._settings))

    def _keep(self, born_at: float, document: dict[str, Any]) -> str:
        token = document.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise _refusal(self._settings, "200 without an access_token")
        seconds = _seconds(document.get("expires_in"))
        # A short-lived token is renewed at half its life, or every call would ask for one.
        margin = min(self._settings.token_refresh_margin, seconds / 2)
        self._renew_at = born_at + seconds - margin
        self._usable_until = born_at + seconds - margin / 2
        self._token, self._is_proven, self._failure = token, False, None
        self._replaces_rejected, self._is_rejected = self._is_rejected, False
        logger.debug("got an access token, good for %s s", seconds)
        return token

    def _failure_of(self, fault: HttpCallError) -> AuthError | HttpCallError:
        """Fatal when the server refuses the client, or never gave a token at all."""
        if not fault.is_outage:
            return _refusal(self._settings, _found(fault))
        if self._token is None:
            found = f"no answer ({fault.kind}) after all retries"
            return _refusal(self._settings, found, kind="token_unavailable")
        return HttpCallError("token_unavailable", f"no new access token: {fault.message}")


def token_request(settings: HttpSettings) -> Request:
    """The request for a token, the credentials in its body or as HTTP Basic (RFC 6749, 2.3.1)."""
    form = {"grant_type": "client_credentials"}
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if settings.scope:
        form["scope"] = settings.scope
    secret = settings.client_secret.get_secret_value()
    if settings.token_auth == "basic":  # noqa: S105 - how, not what
        pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {
            "client_id": settings.client_id,
            "client_secret": secret,
        }
    url = settings.base_url.rstrip("/") + settings.token_path
    return Request("POST", url, headers, urlencode(form).encode())


def _refusal(settings: HttpSettings, found: str, *, kind: str | None = None) -> AuthError:
    to_check = map(settings.variable, ("client_id", "client_secret", "base_url"))
    message = (
        f"expected an access token from POST {settings.token_path}, found {found}:"
        f" check {', '.join(to_check)}"
    )
    return AuthError(message, kind=kind)


def _found(fault: HttpCallError) -> str:
    code = next((code for code in OAUTH_ERRORS if code in (fault.body or "")), None)
    return f"{fault.kind} ({code})" if code else fault.kind


def _seconds(expires_in: object) -> float:
    """The lifetime; infinite when the server does not say: then only a 401 ends it."""
    try:
        seconds = float(expires_in) if isinstance(expires_in, int | float | str) else math.inf
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf

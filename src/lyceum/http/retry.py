"""HTTP calls that are tried again: which faults they have, how long they wait, `Retry-After`."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from lyceum.runs.retry import RetryPolicy, log_retry
from lyceum.runs.transience import is_transient, is_transient_http, is_transient_status

T = TypeVar("T")


class HttpCallError(Exception):
    """A call did not give what it should; `kind` is a short word to count by."""

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        body: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.body = body

    @property
    def is_transient(self) -> bool:
        """True when the same call may succeed later."""
        return is_transient_http(self.kind)

    @property
    def is_outage(self) -> bool:
        """True when the fault speaks of the server's health rather than of this call."""
        return self.is_transient or is_transient_status(self.status)


class StaleTokenError(HttpCallError):
    """A 401 that a fresh token may cure: tried again at once, and no sign of an outage."""

    @property
    def is_transient(self) -> bool:
        """Always true."""
        return True

    @property
    def is_outage(self) -> bool:
        """Never true: the server answered as it should."""
        return False


def status_fault(
    call: str,
    status: int,
    *,
    retry_after: float | None = None,
    policy: RetryPolicy,
) -> HttpCallError:
    """The fault that a status of 300 or more is; a `Retry-After` beyond the policy is permanent."""
    if retry_after is not None and retry_after > policy.max_retry_after:
        message = (
            f"{call}: HTTP {status} asks to wait {retry_after:.0f} s, more than the"
            f" {policy.max_retry_after:.0f} s allowed"
        )
        return HttpCallError(
            "retry_after_too_long", message, status=status, retry_after=retry_after
        )
    message = f"{call}: expected HTTP 2xx, found {status} {_phrase(status)}".rstrip()
    return HttpCallError(f"http_{status}", message, status=status, retry_after=retry_after)


def retry_after_seconds(value: str | None, *, now: datetime) -> float | None:
    """Seconds to wait by a `Retry-After` header, a number or an HTTP date; None if it is neither.

    >>> retry_after_seconds("120", now=datetime.now(UTC))
    120.0
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


async def call_with_retries(call: Callable[[], Awaitable[T]], policy: RetryPolicy) -> T:
    """The result of `call`, made at most 1 + `max_retries` times; raises its last HttpCallError.

    The first call goes round tenacity, whose bookkeeping costs a tenth of a small call's time.
    """
    try:
        return await call()
    except HttpCallError as fault:
        if not fault.is_transient:
            raise
        first: HttpCallError | None = fault

    async def call_again() -> T:
        nonlocal first
        if first is not None:
            fault, first = first, None
            raise fault
        return await call()

    return await _retrying(policy)(call_again)


def _retrying(policy: RetryPolicy) -> AsyncRetrying:
    # Full jitter: anywhere between nothing and the exponentially growing, capped bound.
    jitter = wait_random_exponential(multiplier=policy.backoff_base, max=policy.backoff_cap)

    def wait(state: RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        if isinstance(fault, StaleTokenError):
            return 0.0
        return max(jitter(state), getattr(fault, "retry_after", None) or 0.0)

    return AsyncRetrying(
        retry=retry_if_exception(
            lambda error: isinstance(error, HttpCallError) and is_transient(error)
        ),
        stop=stop_after_attempt(policy.max_retries + 1),
        wait=wait,
        before_sleep=log_retry,
        reraise=True,
    )


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""

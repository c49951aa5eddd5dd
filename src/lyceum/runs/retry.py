"""How often what failed is tried again, and after how long; transience.py says what may pass."""

import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
)
from tenacity.wait import wait_random_exponential

from lyceum.runs.transience import is_transient

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently to try again; times are seconds."""

    max_retries: int = 5
    backoff_base: float = 0.5
    backoff_cap: float = 30.0
    max_retry_after: float = 300.0
    max_seconds: float = 900.0
    """After so long no other try of `with_retries` begins."""


def with_retries(
    call: Callable[[], T],
    policy: RetryPolicy,
    *,
    name: str = "call",
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The result of `call`, tried again while it fails for a passing reason; raises its last error.

    Every failed attempt is logged, so a call must be safe to repeat, as every write is.
    """
    attempts = itertools.count(1)

    def attempt() -> T:
        number = next(attempts)
        try:
            return call()
        except Exception as error:
            _log_failure(name, number, error)
            raise

    retrying = Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(policy.max_retries + 1) | stop_after_delay(policy.max_seconds),
        wait=wait_random_exponential(multiplier=policy.backoff_base, max=policy.backoff_cap),
        before_sleep=log_retry,
        sleep=sleep,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except Exception as error:
        if is_transient(error):
            logger.error("retries of %s are used up", name, extra={"attempts": next(attempts) - 1})  # noqa: TRY400 - the stage that fails has the reason
        raise


def _log_failure(name: str, number: int, error: Exception) -> None:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    facts = {"attempt": number, "is_transient": is_transient(error), "reason": reason}
    logger.warning("attempt %d of %s failed", number, name, extra=facts)


def log_retry(state: RetryCallState) -> None:
    """Say in the log that a call is about to be tried again."""
    if state.outcome and state.next_action:
        logger.debug(
            "attempt %d failed, next in %.2f s: %s",
            state.attempt_number,
            state.next_action.sleep,
            state.outcome.exception(),
        )

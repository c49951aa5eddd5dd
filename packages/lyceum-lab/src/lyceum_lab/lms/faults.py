"""Which HTTP fault a call meets: decided by seed, call and attempt number, and nothing else."""

from collections.abc import Sequence
from enum import StrEnum, auto
from typing import Literal

from lyceum_lab.lms.rates import RateError, RateSpec, draw, parse_rates

Scope = Literal["details", "events", "token"]
SCOPES: tuple[Scope, ...] = ("details", "events", "token")


class Fault(StrEnum):
    """What can go wrong with a call; the first drawn, in this order, is the one that happens."""

    HTTP_404 = auto()
    HTTP_403 = auto()
    HTTP_408 = auto()
    HTTP_425 = auto()
    HTTP_429_SECONDS = auto()
    HTTP_429_DATE = auto()
    HTTP_500 = auto()
    HTTP_503 = auto()
    CONNECTION_RESET = auto()
    TRUNCATED_BODY = auto()
    NOT_JSON = auto()
    SLOW = auto()
    EXPIRED_TOKEN = auto()
    REDIRECT_OTHER_HOST = auto()
    REPEATED_PAGE = auto()
    PAGE_LOOP = auto()
    WRONG_TOTAL = auto()
    ABSENT_TOTAL = auto()
    EMPTY_PAGE_HAS_MORE = auto()


PERMANENT = frozenset({Fault.HTTP_404, Fault.HTTP_403})
PAGING = frozenset(
    {
        Fault.REPEATED_PAGE,
        Fault.PAGE_LOOP,
        Fault.WRONG_TOTAL,
        Fault.ABSENT_TOTAL,
        Fault.EMPTY_PAGE_HAS_MORE,
    }
)
_ALIASES = {"timeout": Fault.SLOW}


def parse_faults(spec: RateSpec) -> dict[str, float]:
    """Fault rates from `http_500=0.05,timeout=0.01` or a mapping; raises RateError.

    `details.`, `events.` or `token.` before a name limits it to that endpoint; without, it
    concerns details and events. Permanent faults only ever concern details, unless scoped.
    """
    rates = parse_rates(spec, known=[*Fault, *_ALIASES], scopes=SCOPES, what="fault")
    for name in rates:
        scope, _, base = name.rpartition(".")
        if base in PAGING and scope not in ("", "events"):
            raise RateError(f"Fault {name!r}: only the events list has pages; use events.{base}.")
    return rates


class FaultPlan:
    """The fault of every attempt at every call, fixed by the seed before the first call is made."""

    def __init__(self, spec: RateSpec, *, seed: int, clear_after: int | None = None) -> None:
        rates = parse_faults(spec)
        self._rates = {scope: _scope_rates(rates, scope) for scope in SCOPES}
        self._seed = seed
        self._clear_after = clear_after
        self._scripts: dict[tuple[Scope, str], Sequence[Fault | None]] = {}

    def script(self, scope: Scope, key: str, faults: Sequence[Fault | None]) -> None:
        """Give the first attempts at one call these faults; later attempts draw as usual."""
        self._scripts[scope, key] = faults

    def fault(self, scope: Scope, key: str, attempt: int) -> Fault | None:
        """The fault of this attempt (counted from 1), or None."""
        script = self._scripts.get((scope, key), ())
        if attempt <= len(script):
            return script[attempt - 1]
        return next(
            (f for f, rate in self._rates[scope] if self._hits(f, rate, key, attempt)), None
        )

    def _hits(self, fault: Fault, rate: float, key: str, attempt: int) -> bool:
        if fault in PERMANENT:
            return draw(self._seed, fault, key) < rate
        if self._clear_after is not None and attempt > self._clear_after:
            return False
        return draw(self._seed, fault, key, attempt) < rate


def _scope_rates(rates: dict[str, float], scope: Scope) -> list[tuple[Fault, float]]:
    """The rates above 0 that concern one endpoint, in the order of Fault."""
    concerning: dict[Fault, float] = {}
    for name, rate in sorted(rates.items(), key=lambda item: "." in item[0]):
        prefix, _, base = name.rpartition(".")
        fault = _ALIASES.get(base) or Fault(base)
        if prefix == scope or (not prefix and _concerns(fault, scope)):
            concerning[fault] = rate
    return [(fault, concerning[fault]) for fault in Fault if concerning.get(fault)]


def _concerns(fault: Fault, scope: Scope) -> bool:
    if fault in PAGING:
        return scope == "events"
    return scope == "details" or (scope == "events" and fault not in PERMANENT)

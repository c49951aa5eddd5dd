"""Rates by name, such as `http_500=0.05,slow=0.01`, and draws that depend on their key alone."""

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b

from lyceum.errors import UsageError

RateSpec = str | float | Mapping[str, float]


class RateError(UsageError):
    """A rate names something unknown, or is not a number from 0 to 1."""


def draw(*key: object) -> float:
    """A number in [0, 1) that only the key decides: no order of calls can change it."""
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def parse_rates(
    spec: RateSpec, *, known: Collection[str], scopes: Collection[str] = (), what: str
) -> dict[str, float]:
    """Rates by name from `name=rate,...`, a mapping, or one number for every known name.

    A name may carry one of the scopes: `scope.name=rate`. Raises RateError.
    """
    rates: dict[str, float] = {}
    for name, value in _pairs(spec, known):
        scope, _, base = name.rpartition(".")
        if base not in known or (scope and scope not in scopes):
            raise RateError(_unknown(name, known, scopes, what))
        rates[name] = _rate(name, value, what)
    return rates


def _pairs(spec: RateSpec, known: Iterable[str]) -> Iterable[tuple[str, object]]:
    if isinstance(spec, Mapping):
        return spec.items()
    if isinstance(spec, str) and ("=" in spec or not spec.strip()):
        parts = [part.partition("=") for part in spec.split(",") if part.strip()]
        return [(name.strip(), value.strip()) for name, _, value in parts]
    return [(name, spec) for name in known]


def _rate(name: str, value: object, what: str) -> float:
    try:
        rate = float(str(value))
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise RateError(
            f"The rate of {what} {name} is {value!r}; expected a number from 0 to 1, "
            f"such as {name}=0.05."
        )
    return rate


def _unknown(name: str, known: Iterable[str], scopes: Collection[str], what: str) -> str:
    prefixes = f", each also as {'., '.join(scopes)}. and the name" if scopes else ""
    return f"Unknown {what} {name!r}; expected one of: {', '.join(known)}{prefixes}."

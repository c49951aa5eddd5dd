"""When a response body counts as good: complete, JSON, an object, and finite in every number."""

import json
import math
from typing import Any, Never

from lyceum.http.retry import HttpCallError


class InexactJsonError(ValueError):
    """The text is read by Python's JSON parser but is not JSON, or loses a value."""


def _reject_constant(name: str) -> Never:
    message = f"{name} is not a JSON value"
    raise InexactJsonError(message)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        message = f"the number {text[:20]} is too large"
        raise InexactJsonError(message)
    return number


_DECODER = json.JSONDecoder(parse_constant=_reject_constant, parse_float=_finite)


def json_object(body: bytes, *, call: str, status: int) -> tuple[str, dict[str, Any]]:
    """The body's text and its object.

    Raises HttpCallError: `not_json` for what may have been cut off, `invalid_json` for values that
    no table can hold (NaN, 1e999, half a surrogate pair), `not_an_object` for a list or a string.
    """
    try:
        text = body.decode()
        document = _DECODER.decode(text)
        if b"\\ud" in body or b"\\uD" in body:
            _check_surrogates(document)
    except (json.JSONDecodeError, UnicodeDecodeError):
        message = f"{call}: expected JSON, found {len(body)} bytes that are not"
        raise HttpCallError("not_json", message, status=status) from None
    except (ValueError, RecursionError) as error:
        message = f"{call}: JSON that cannot be kept as it is: {error}"
        raise HttpCallError("invalid_json", message, status=status, body=text) from None
    if not isinstance(document, dict):
        message = f"{call}: expected a JSON object, found {type(document).__name__}"
        raise HttpCallError("not_an_object", message, status=status, body=text)
    return text, document


def _check_surrogates(document: object) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        message = "half a surrogate pair"
        raise InexactJsonError(message) from None


def field_at(document: object, path: str) -> Any:  # noqa: ANN401 - JSON
    """The value at a dotted path; None where the path leads nowhere.

    >>> field_at({"meta": {"total": 3}}, "meta.total")
    3
    """
    for name in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document

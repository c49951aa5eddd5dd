"""Conditions of `condition_task` and the inputs of `for_each_task`."""

import json
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from bundlerun.runner.errors import TaskError

_AS_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "EQUAL_TO": operator.eq,
    "NOT_EQUAL": operator.ne,
}
_AS_NUMBERS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}
OPERATORS = (*_AS_TEXT, *_AS_NUMBERS)


def comparison(op: str, left: str, right: str) -> bool:
    """Whether a condition holds: equality compares text, order compares numbers.

    >>> comparison("EQUAL_TO", "12.0", "12"), comparison("GREATER_THAN_OR_EQUAL", "12.0", "12")
    (False, True)
    """
    if op in _AS_TEXT:
        return _AS_TEXT[op](left, right)
    return _AS_NUMBERS[op](_number(op, left), _number(op, right))


def loop_inputs(inputs: str) -> list[object]:
    """The inputs of a loop, from a JSON array.

    >>> loop_inputs('["a", {"k": 1}]')
    ['a', {'k': 1}]
    """
    try:
        values = json.loads(inputs)
    except ValueError:
        values = None
    if not isinstance(values, list):
        message = f"expected inputs to be a JSON array, found {inputs[:100]!r}"
        raise TaskError(message, code="InvalidParameterValue")
    return values


def _number(op: str, value: str) -> Decimal:
    try:
        return Decimal(value.strip())
    except InvalidOperation:
        message = f"expected a number to compare by {op}, found {value!r}"
        raise TaskError(message, code="InvalidParameterValue") from None

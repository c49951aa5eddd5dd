"""Logical plans: what a query is as one word, and what it does to a stream.

The same code over the same columns gives the same word, wherever the code stands.
"""

import hashlib
import re
from typing import Any

from google.protobuf.message import Message  # type: ignore[import-untyped]
from pyspark.sql import DataFrame

_OF_THE_MOMENT = re.compile(
    r"\b(now|current_date|current_timestamp|localtimestamp|curdate|unix_timestamp|"
    r"rand|randn|random|randstr|uniform|uuid|shuffle|monotonically_increasing_id)\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r'(?<=name_parts: ")([a-z]+)_\d+(?=")|(_pyspark_connect)_\w+')


STREAM = "__stream__"
"""Alias of what is read as a stream."""
_ONLY_OF_ALL_ROWS = ("aggregate", "deduplicate", "limit", "offset", "tail")


def plan_text(frame: DataFrame) -> str:
    """The logical plan without what differs each time it is made: numbers and lines of code."""
    plan = _plan(frame)
    _clear(plan)
    return _NUMBERED.sub(r"\1\2", str(plan))


def fingerprint(*texts: str) -> str:
    """One word for several texts."""
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:32]


def is_of_the_moment(plan: str) -> bool:
    """True if the query gives something else each time, such as the present time.

    >>> is_of_the_moment('expression: "day < current_date()"')
    True
    """
    return _OF_THE_MOMENT.search(plan) is not None


def asked_of_all_rows(frame: DataFrame) -> str | None:
    """What the query wants of a stream as a whole, such as an aggregate; batches do not have it."""
    return _stateful(_plan(frame))[1]


def is_stream(frame: DataFrame) -> bool:
    """True if the query reads a stream."""
    return _stateful(_plan(frame))[0]


def _plan(frame: DataFrame) -> Message:
    connect: Any = frame
    return connect._plan.to_proto(connect._session.client)  # noqa: SLF001 - there is no other way


def _stateful(message: Message) -> tuple[bool, str | None]:
    """Whether a stream is read below, and what is wanted of all its rows."""
    is_stream, wanted = getattr(message, "alias", None) == STREAM, None
    for descriptor, value in message.ListFields():
        below = [_stateful(part) for part in _parts(descriptor, value)]
        is_read = any(found for found, _ in below)
        wanted = wanted or next((what for _, what in below if what), None)
        if is_read and descriptor.name in _ONLY_OF_ALL_ROWS:
            wanted = wanted or descriptor.name
        is_stream = is_stream or is_read
    return is_stream, wanted


def _parts(descriptor: Any, value: Any) -> list[Message]:  # noqa: ANN401 - as protobuf has it
    """The messages in a field."""
    if isinstance(value, Message):
        return [value]
    if descriptor.message_type is None:
        return []
    parts = value.values() if hasattr(value, "items") else value
    return [part for part in parts if isinstance(part, Message)]


def _clear(message: Message) -> None:
    for descriptor, value in message.ListFields():
        if descriptor.name in ("plan_id", "origin"):
            message.ClearField(descriptor.name)
        else:
            for part in _parts(descriptor, value):
                _clear(part)

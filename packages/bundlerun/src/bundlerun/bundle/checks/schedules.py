"""Schedules: Quartz cron expressions and time zones."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bundlerun.bundle.errors import Problem
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.reader import Bundle

_CRON_FIELDS = ("quartz_cron_expression", "quartz_cron_schedule")
_LAST_DAYS = re.compile(r"L(-\d+)?|LW")
_WEEKDAY = re.compile(r"(?<!#)\b[1-7](?=L|#|\b)")


def schedules(bundle: Bundle) -> Iterator[Problem]:
    """Expressions that Quartz refuses, time zones that there are not."""
    resources = bundle.tree.child("resources")
    if resources is not None:
        yield from _within(resources)


def _within(node: Node) -> Iterator[Problem]:
    for key, below in node.fields.items():
        if key in _CRON_FIELDS:
            wrong = quartz_complaint(str(below.value))
            if wrong:
                yield Problem.at(below.position, f"cron expression {below.value!r}: {wrong}")
        elif key == "timezone_id" and not _is_zone(str(below.value)):
            yield Problem.at(below.position, f"expected a time zone, found {below.value!r}")
        yield from _within(below)
    for below in node.entries:
        yield from _within(below)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def quartz_complaint(expression: str) -> str | None:
    """What Quartz would refuse; None if it is right.

    >>> quartz_complaint("0 0 3 * * ?"), quartz_complaint("0 0 3 ? * 6L")
    (None, None)
    >>> quartz_complaint("0 3 * * *")
    'expected 6 or 7 fields (second minute hour day month weekday [year]), found 5'
    >>> quartz_complaint("0 0 3 * * *")
    'expected ? for the day or for the weekday, not for both'
    >>> quartz_complaint("0 61 3 * * ?")
    'a field is out of its range'
    """
    from croniter import croniter  # type: ignore[import-untyped]

    fields = expression.split()
    if len(fields) not in (6, 7):
        shape = "second minute hour day month weekday [year]"
        return f"expected 6 or 7 fields ({shape}), found {len(fields)}"
    day, weekday = fields[3], fields[5]
    if (day == "?") == (weekday == "?"):
        return "expected ? for the day or for the weekday, not for both"
    fields[3] = "L" if _LAST_DAYS.fullmatch(day) else day.replace("?", "*")
    fields[5] = _weekday(weekday)
    is_valid = croniter.is_valid(" ".join(fields), second_at_beginning=True)
    return None if is_valid else "a field is out of its range"


def _weekday(field: str) -> str:
    """Quartz counts from Sunday = 1 and writes 6L where cron has Sunday = 0 and L5."""
    if re.search(r"(?<!#)\b[089]\b", field):
        return "out of range"
    from_zero = _WEEKDAY.sub(lambda match: str(int(match[0]) - 1), field.replace("?", "*"))
    return re.sub(r"^(\d)L$", r"L\1", from_zero)

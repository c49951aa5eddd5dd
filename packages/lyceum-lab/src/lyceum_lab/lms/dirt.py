"""Content as bad as real LMS data gets: each kind of dirt by name, at its own rate."""

import copy
from calendar import timegm
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import TypeVar

from lyceum_lab.lms.model import Json
from lyceum_lab.lms.rates import RateSpec, draw, parse_rates

T = TypeVar("T")

HUGE_PAYLOAD_BYTES = 5 * 1024 * 1024

WRONG_IDS = (42, 3.5, True, None, ["s1"], {"value": "s1"})
UNKNOWN_ZONES = ("Mars/Olympus_Mons", "CEST?", "+27:00", "")
GARBAGE_TIMES = ("tomorrow", "0000-00-00T00:00:00", "2026-13-45T25:61:00", "", None, {"at": 9})
TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y%m%dT%H%M%SZ")


def _missing_id(session: Json, _pick: float) -> None:
    session.pop("id", None)


def _wrong_type_id(session: Json, pick: float) -> None:
    session["id"] = _one_of(WRONG_IDS, pick)


def _null_product(session: Json, pick: float) -> None:
    session["products"] = _one_of((None, [None]), pick)


def _empty_product(session: Json, pick: float) -> None:
    session["products"] = _one_of(([{}], {}, ""), pick)


def _nested_product(session: Json, pick: float) -> None:
    products = session.get("products") or [{"id": "p1", "name": "Nested"}]
    session["products"] = _one_of(([products], [{"product": products}]), pick)


def _unknown_timezone(session: Json, pick: float) -> None:
    session["timezone"] = _one_of(UNKNOWN_ZONES, pick)


def _end_before_start(session: Json, _pick: float) -> None:
    session["start_time"], session["end_time"] = session["end_time"], session["start_time"]


def _mixed_times(session: Json, pick: float) -> None:
    for name in ("start_time", "end_time"):
        moment = datetime.fromisoformat(session[name])
        epoch = str(timegm(moment.utctimetuple()))
        session[name] = _one_of((epoch, *map(moment.strftime, TIME_FORMATS)), pick)


def _garbage_time(session: Json, pick: float) -> None:
    session["start_time"] = _one_of(GARBAGE_TIMES, pick)


def _unknown_fields(session: Json, _pick: float) -> None:
    session |= {"legacyCode": 7, "custom": {"room": "B2", "tags": ["new", None]}}


def _odd_event_id(event: Json, detail: Json, _before: Json | None, pick: float) -> None:
    odd = _one_of(("/", "?", "'", "/../?x='1'&y=%2F#"), pick)
    event["id"] = detail["event_id"] = f"{event['id'][:8]}{odd}{event['id'][9:]}"


def _shared_session(event: Json, detail: Json, before: Json | None, _pick: float) -> None:
    shared = (before or {}).get("sessions") or []
    detail["sessions"] += copy.deepcopy(shared[:1])
    event["session_count"] = len(detail["sessions"])


def _no_sessions(_event: Json, detail: Json, _before: Json | None, _pick: float) -> None:
    del detail["sessions"]


def _huge_payload(_event: Json, detail: Json, _before: Json | None, _pick: float) -> None:
    detail["transcript"] = _transcript()


SessionDirt = Callable[[Json, float], None]
EventDirt = Callable[[Json, Json, Json | None, float], None]

# In the order in which they are applied: swapped times are still times, garbage no longer is.
SESSION_DIRT: dict[str, SessionDirt] = {
    "missing_id": _missing_id,
    "wrong_type_id": _wrong_type_id,
    "null_product": _null_product,
    "empty_product": _empty_product,
    "nested_product": _nested_product,
    "unknown_timezone": _unknown_timezone,
    "end_before_start": _end_before_start,
    "mixed_times": _mixed_times,
    "garbage_time": _garbage_time,
    "unknown_fields": _unknown_fields,
}
EVENT_DIRT: dict[str, EventDirt] = {
    "odd_event_id": _odd_event_id,
    "shared_session": _shared_session,
    "huge_payload": _huge_payload,
    "no_sessions": _no_sessions,
}


def parse_dirt(spec: RateSpec) -> dict[str, float]:
    """Dirt rates from `missing_id=0.1,garbage_time=0.05`, a mapping or one number for all."""
    return parse_rates(spec, known=[*SESSION_DIRT, *EVENT_DIRT], what="dirt")


def make_dirty(content: list[tuple[Json, Json]], spec: RateSpec, *, seed: int) -> None:
    """Spoil clean content in place; rates are per session, or per event for its payload and id."""
    rates = {kind: rate for kind, rate in parse_dirt(spec).items() if rate}
    of_sessions = [(k, rates[k], dirt) for k, dirt in SESSION_DIRT.items() if k in rates]
    of_events = [(k, rates[k], dirt) for k, dirt in EVENT_DIRT.items() if k in rates]
    before: Json | None = None
    for number, (event, detail) in enumerate(content):
        for position, session in enumerate(detail["sessions"]):
            for kind, rate, spoil in of_sessions:
                if draw(seed, kind, number, position) < rate:
                    spoil(session, draw(seed, "variant", kind, number, position))
        for kind, rate, spoil_event in of_events:
            if draw(seed, kind, number) < rate:
                spoil_event(event, detail, before, draw(seed, "variant", kind, number))
        before = detail


def _one_of(choices: Sequence[T], pick: float) -> T:
    return choices[int(pick * len(choices))]


@cache
def _transcript() -> str:
    """One text for every huge payload, so that many of them still fit into memory."""
    line = "The trainer opens the floor for questions about the case study. "
    return line * (HUGE_PAYLOAD_BYTES // len(line) + 1)

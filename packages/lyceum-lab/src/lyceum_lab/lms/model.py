"""What the simulated LMS knows: events and their session details, as plain dictionaries."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """One page of the events list; numbers count from 1."""

    events: list[Json]
    number: int
    size: int
    total: int

    @property
    def has_more(self) -> bool:
        """Whether a page follows."""
        return self.number * self.size < self.total

    @property
    def last_number(self) -> int:
        """The number of the last page that has events; 1 when there are none."""
        return max(1, -(-self.total // self.size))


class Lms:
    """Events by id, and by the same id the `data` object of their session details.

    Both dictionaries may be changed or replaced at any time: the next call answers with what
    they hold then. The methods also keep `session_count` and `updated_at` true.
    """

    def __init__(self, pairs: Iterable[tuple[Json, Json]] = ()) -> None:
        self.events: dict[str, Json] = {}
        self.details: dict[str, Json] = {}
        for event, detail in pairs:
            self.events[event["id"]] = event
            self.details[event["id"]] = detail

    def put_event(self, event_id: str, sessions: Iterable[Json] = (), **fields: object) -> None:
        """Add an event with its sessions, or replace all of it."""
        self.details[event_id] = {"event_id": event_id, "sessions": list(sessions)}
        self.events[event_id] = {"id": event_id, "name": f"Event {event_id}", **fields}
        self._touch(event_id, fields)

    def remove_event(self, event_id: str) -> None:
        """Forget an event and its sessions; later calls for it get 404."""
        del self.events[event_id]
        del self.details[event_id]

    def put_session(self, event_id: str, session: Json) -> None:
        """Add a session to an event, or replace the one with the same id."""
        sessions = self.details[event_id]["sessions"]
        others = [known for known in sessions if known.get("id") != session.get("id")]
        self.details[event_id]["sessions"] = [*others, session]
        self._touch(event_id, {})

    def remove_session(self, event_id: str, session_id: str) -> None:
        """Drop a session from an event."""
        sessions = self.details[event_id]["sessions"]
        kept = [session for session in sessions if session.get("id") != session_id]
        self.details[event_id]["sessions"] = kept
        self._touch(event_id, {})

    def sessions(self) -> Iterator[tuple[str, Json]]:
        """Every session with its event's id, in the order of the events."""
        for event_id, detail in self.details.items():
            for session in detail.get("sessions") or ():
                yield event_id, session

    def page(self, number: int, size: int, updated_since: datetime | None = None) -> Page:
        """A page of the events changed at or after a time, or of all."""
        events = list(self.events.values())
        if updated_since is not None:
            events = [event for event in events if _updated_at(event) >= updated_since]
        first = (number - 1) * size
        return Page(events[first : first + size], number, size, len(events))

    def _touch(self, event_id: str, fields: Json) -> None:
        count = len(self.details[event_id]["sessions"])
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        self.events[event_id].update({"session_count": count, "updated_at": now} | fields)


def utc(text: str) -> datetime:
    """An ISO-8601 time as an aware one, UTC when it names no zone; raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _updated_at(event: Json) -> datetime:
    """An event without a time is always recent: a filter must not hide it."""
    text = event.get("updated_at")
    return utc(text) if text else datetime.max.replace(tzinfo=UTC)

"""Sample events of learners, as a broker would have them: late, repeated and malformed ones too."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

Event = dict[str, object]
_SKILLS = ("algebra", "geometry", "fractions", "reading")
_BAD = ('{"event_id": "cut off', '{"event_type": "heartbeat"}', "[]")


@dataclass(frozen=True)
class LearnerEventsConfig:
    """Learners and the days on which they learn; the same seed gives the same events."""

    seed: int = 1
    first_day: date = date(2026, 3, 2)
    days: int = 5
    learners: int = 40
    repeated: float = 0.02
    """Share of the events that are sent twice."""
    late: float = 0.02
    """Share that comes a day late."""
    malformed: float = 0.01


def write_learner_events(config: LearnerEventsConfig, folder: Path) -> list[Path]:
    """Write the messages, a file of JSON lines for each day on which they are sent."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = Random(config.seed)  # noqa: S311 - made-up data
    sent: dict[int, list[str]] = {}
    for day in range(config.days):
        for event in _day(config, day, chance):
            text = json.dumps(event)
            on = day + (chance.random() < config.late)
            copies = 1 + (chance.random() < config.repeated)
            sent.setdefault(on, []).extend([text] * copies)
            if chance.random() < config.malformed:
                sent[on].append(chance.choice(_BAD))
    return [_write(config, folder, day, lines) for day, lines in sorted(sent.items())]


def _write(config: LearnerEventsConfig, folder: Path, day: int, lines: list[str]) -> Path:
    path = folder / f"{config.first_day + timedelta(day)}.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _day(config: LearnerEventsConfig, day: int, chance: Random) -> Iterator[Event]:
    """The events of a day, in the order in which they occur."""
    events = [
        event
        for learner in range(config.learners)
        if chance.random() < 0.7
        for event in _session(config, day, learner, chance)
    ]
    yield from sorted(events, key=lambda event: str(event["occurred_at"]))


def _session(
    config: LearnerEventsConfig, day: int, learner: int, chance: Random
) -> Iterator[Event]:
    """A learner views a content, answers questions about it, and grows a little."""
    at = datetime.combine(config.first_day, time(7), UTC) + timedelta(
        days=day, seconds=chance.randrange(14 * 3600)
    )
    skill, content = chance.choice(_SKILLS), f"content-{chance.randrange(12):02d}"
    steps: list[tuple[str, Event]] = [("session_started", {}), ("content_viewed", {})]
    for _ in range(chance.randrange(2, 6)):
        answer: Event = {
            "correct": chance.random() < 0.7,
            "duration_ms": chance.randrange(4_000, 60_000),
        }
        steps += [("question_answered", answer), ("heartbeat", {})]
    mastery = min(1.0, 0.15 * day + chance.random() / 3)
    steps.append(("mastery_updated", {"mastery": round(mastery, 3)}))
    if chance.random() < 0.8:
        steps += [("content_completed", {}), ("session_ended", {})]
    for number, (kind, payload) in enumerate(steps):
        at += timedelta(milliseconds=chance.randrange(2_000, 90_000))
        yield {
            "event_id": f"{day}-{learner}-{number}",
            "event_type": kind,
            "tenant_id": f"school-{learner % 3}",
            "learner_id": f"learner-{learner:03d}",
            "session_id": f"session-{day}-{learner}",
            "content_id": content,
            "skill_id": skill,
            "occurred_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "payload": payload,
        }

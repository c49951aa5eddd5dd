"""Helpers of the stream tests: messages, batches of them, and gold as plain Python computes it."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from lyceum.lakehouse import Lakehouse
from lyceum.runs.run import Run
from lyceum.systems.stream.gold.mastery_deltas import LEARNER_MASTERY, MASTERY_DELTAS
from lyceum.systems.stream.gold.minute_metrics import MINUTE_METRICS
from lyceum.systems.stream.gold.session_metrics import SESSION_METRICS
from lyceum.systems.stream.job import JOB, process, take_up
from lyceum.systems.stream.progress import Progress
from lyceum.systems.stream.source.messages import Batch, row, table

GOLD = (MINUTE_METRICS, SESSION_METRICS, MASTERY_DELTAS, LEARNER_MASTERY)
TOPIC = "events_raw"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def event(n, kind="heartbeat", at=NOON, *, session="s", learner="ada", **fields):
    """An event as the sender would have it."""
    payload = {k: fields.pop(k) for k in ("correct", "duration_ms", "mastery") if k in fields}
    return {
        "event_id": f"e{n}",
        "event_type": kind,
        "tenant_id": "t",
        "learner_id": learner,
        "session_id": session,
        "content_id": "c",
        "skill_id": "k",
        "occurred_at": at.isoformat().replace("+00:00", "Z"),
        "payload": payload,
        **fields,
    }


def batches(*parts, partitions=1):
    """Batches of events, spread over the partitions by learner, at offsets that go on."""
    ends = defaultdict(int)
    for part in parts:
        rows = []
        for one in part:
            value = one if isinstance(one, bytes) else json.dumps(one).encode()
            learner = "" if isinstance(one, bytes) else one["learner_id"]
            place = (TOPIC, sum(learner.encode()) % partitions)
            rows.append(row(place, ends[place], value))
            ends[place] += 1
        if rows:
            yield Batch(table(rows), dict(ends))


def feed(lake: Lakehouse, found):
    """Process batches in one run, after what a killed one has left; what was done with each."""
    with Run.of(lake, JOB) as run:
        progress = Progress.of(run)
        return [take_up(run, progress), *(process(run, progress, batch) for batch in found)]


def gold(lake: Lakehouse):
    """Every row of every gold table, by table and key."""
    found = {}
    for declared in GOLD:
        rows = [tuple(_plain(v) for v in r) for r in lake.read(declared).collect()]
        names = lake.read(declared).columns
        found[declared.name] = sorted(
            (dict(zip(names, r, strict=True)) for r in rows), key=lambda r: str(list(r.values()))
        )
    return found


def _plain(value):
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def expected_gold(events):
    """The same from the events, each once in its day, in order, by plain Python."""
    once = {}
    for one in events:
        at = datetime.fromisoformat(one["occurred_at"].replace("Z", "+00:00")).astimezone(UTC)
        once.setdefault((f"{at:%Y%m%d}", one["event_id"]), one | {"at": at.replace(tzinfo=None)})
    ordered = sorted(once.values(), key=lambda e: (e["at"], e["event_id"]))
    found = {
        MINUTE_METRICS.name: _minutes(ordered),
        SESSION_METRICS.name: _sessions(ordered),
        **_mastery(ordered),
    }
    return {name: sorted(rows, key=lambda r: str(list(r.values()))) for name, rows in found.items()}


def _key(at):
    return int(f"{at:%Y%m%d}")


def _minutes(events):
    groups = defaultdict(list)
    for one in events:
        minute = one["at"].replace(second=0, microsecond=0)
        groups[_key(minute), minute, one["tenant_id"], one["learner_id"]].append(one)
    return [
        {
            **dict(zip(MINUTE_METRICS.keys, key, strict=True)),
            "events": len(group),
            "contents": len({e["content_id"] for e in group if e["content_id"]}),
            **_answers(group),
            "time_spent_ms": sum(e["payload"].get("duration_ms", 0) for e in group),
        }
        for key, group in groups.items()
    ]


def _answers(group):
    answers = [e for e in group if e["event_type"] == "question_answered"]
    return {"questions": len(answers), "correct": sum(e["payload"]["correct"] for e in answers)}


def _sessions(events):
    groups = defaultdict(list)
    for one in events:
        if one["session_id"]:
            groups[one["tenant_id"], one["learner_id"], one["session_id"]].append(one)
    rows = []
    for key, group in groups.items():
        visit = []
        for one in group:
            if visit and (one["at"].date() - visit[-1]["at"].date()).days > 1:
                rows.append(_session(key, visit))
                visit = []
            visit.append(one)
        rows.append(_session(key, visit))
    return rows


def _session(key, group):
    first, last = group[0]["at"], group[-1]["at"]
    pauses = [(b["at"] - a["at"]) / timedelta(milliseconds=1) // 1 for a, b in pairwise(group)]
    ends = [e["at"] for e in group if e["event_type"] == "session_ended"]
    done = {e["content_id"] for e in group if e["event_type"] == "content_completed"}
    answers = _answers(group)
    return {
        "date_key": _key(first),
        **dict(zip(("tenant_id", "learner_id", "session_id"), key, strict=True)),
        "started_at": first,
        "ended_at": last,
        "closes_at": last if last in ends else last + timedelta(minutes=30),
        "duration_ms": int((last - first) / timedelta(milliseconds=1)),
        "idle_ms": int(sum(p for p in pauses if p >= 120_000)),
        "events": len(group),
        **answers,
        "accuracy": _share(answers["correct"], answers["questions"]),
        "contents_completed": len(done - {None}),
        "is_completed": bool(ends),
    }


def _share(part, whole):
    if not whole:
        return None
    return (Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _mastery(events):
    latest, deltas = {}, []
    for one in events:
        if one["event_type"] != "mastery_updated":
            continue
        key = one["tenant_id"], one["learner_id"], one["skill_id"]
        after = Decimal(str(one["payload"]["mastery"])).quantize(Decimal("0.000001"))
        before = latest[key]["mastery"] if key in latest else None
        skill = dict(zip(("tenant_id", "learner_id", "skill_id"), key, strict=True))
        deltas.append(
            {
                "date_key": _key(one["at"]),
                "event_id": one["event_id"],
                **skill,
                "content_id": one["content_id"],
                "occurred_at": one["at"],
                "mastery_before": before,
                "mastery_after": after,
                "delta": None if before is None else after - before,
            }
        )
        latest[key] = {
            **skill, "mastery": after, "date_key": _key(one["at"]), "occurred_at": one["at"]
        }  # fmt: skip
    return {MASTERY_DELTAS.name: deltas, LEARNER_MASTERY.name: list(latest.values())}

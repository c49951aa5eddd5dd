"""Generated learning programmes: events, sessions and products that only the seed decides."""

import random
from datetime import datetime, timedelta
from uuid import UUID

from lyceum_lab.lms.model import Json

BRANDS = ("Cardivo", "Neurelin", "Pulmora", "Dermexa", "Oncavist")
PROGRAMMES = (
    "Launch Academy",
    "Field Excellence",
    "Medical Education",
    "Safety and Compliance",
    "Digital Skills",
)
PRODUCT_TYPES = ("eLearning", "Webinar", "Classroom", "Assessment")
PRODUCT_TOPICS = ("Essentials", "Advanced Practice", "Patient Safety", "Clinical Evidence")
OFFSETS = ("+00:00", "+01:00", "+02:00", "-05:00", "+05:30", "+09:00")
ZONES = ("Europe/Berlin", "Europe/Lisbon", "America/New_York", "Asia/Tokyo", "UTC")
TITLES = (
    "{brand}: from evidence to practice",
    "{brand} for new colleagues",
    "Questions from the field, {brand}",
    "{brand} workshop: difficult conversations",
    "Safety reporting for {brand}",
    "{brand} case studies",
    "Assessment: {brand}",
    "Launch day 🚀 {brand}",
    "Café & naïveté: l'écoute du patient 👩🏽‍⚕️",
    "مقدمة في التعلم {brand}",
    "הדרכה למתחילים – {brand}",  # noqa: RUF001
)
COUNTRIES = ("DE", "PT", "US", "JP", "AE", "IL", "FR")
DURATIONS_MINUTES = (30, 45, 60, 90, 120, 240)
# A fixed calendar: content must not depend on the day on which it is generated.
FIRST_DAY = datetime.fromisoformat("2026-01-05T08:00:00")
DAYS = 300


def learning_content(*, seed: int, events: int, max_sessions: int) -> list[tuple[Json, Json]]:
    """Events with their session details; event `n` is the same however many are asked for."""
    catalogue = product_catalogue(seed)
    return [_event(_generator(seed, "event", n), n, catalogue, max_sessions) for n in range(events)]


def product_catalogue(seed: int) -> dict[str, list[Json]]:
    """The products of each brand."""
    return {brand: _products(_generator(seed, "brand", brand), brand) for brand in BRANDS}


def _products(rng: random.Random, brand: str) -> list[Json]:
    return [
        {
            "id": _uuid(rng),
            "identification": f"{brand[:4].upper()}-{number:03d}",
            "name": f"{brand} {topic}",
            "type": rng.choice(PRODUCT_TYPES),
        }
        for number, topic in enumerate(PRODUCT_TOPICS, start=1)
    ]


def _event(
    rng: random.Random, number: int, catalogue: dict[str, list[Json]], max_sessions: int
) -> tuple[Json, Json]:
    event_id, brand, programme = _uuid(rng), rng.choice(BRANDS), rng.choice(PROGRAMMES)
    count = rng.randint(0, max_sessions)
    sessions = [_session(rng, brand, catalogue[brand]) for _ in range(count)]
    updated_at = FIRST_DAY + timedelta(seconds=rng.randrange(DAYS * 86_400))
    event = {
        "id": event_id,
        "name": f"{programme} {number + 1}: {brand}",
        "programme": programme,
        "brand": brand,
        "country": rng.choice(COUNTRIES),
        "session_count": count,
        "updated_at": f"{updated_at.isoformat()}Z",
    }
    return event, {"event_id": event_id, "sessions": sessions}


def _session(rng: random.Random, brand: str, products: list[Json]) -> Json:
    start = FIRST_DAY + timedelta(days=rng.randrange(DAYS), minutes=15 * rng.randrange(40))
    end = start + timedelta(minutes=rng.choice(DURATIONS_MINUTES))
    zone = rng.choice(OFFSETS + ZONES)
    # A named zone goes with local times, an offset is part of the times.
    offset = zone if zone in OFFSETS else ""
    chosen = rng.sample(products, rng.choice((0, 1, 1, 1, 2, 3)))
    return {
        "id": _uuid(rng),
        "eval_id": f"EVAL-{rng.randrange(1_000_000):06d}",
        "start_time": f"{start.isoformat()}{offset}",
        "end_time": f"{end.isoformat()}{offset}",
        "timezone": zone,
        "title": rng.choice(TITLES).format(brand=brand),
        "products": [dict(product) for product in chosen],
    }


def _uuid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _generator(seed: int, *key: object) -> random.Random:
    return random.Random(f"{seed}/{key}")  # noqa: S311 - sample data, not cryptography

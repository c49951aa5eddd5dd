"""The world of the sample: every row of every entity, by its number alone."""

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from lyceum_lab.samples.config import SampleConfig
from lyceum_lab.samples.formats import Columns, Format
from lyceum_lab.samples.words import (
    AWKWARD_TITLES,
    BRANDS,
    INDICATIONS,
    PARTICIPANT_TYPES,
    REGIONS,
)

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Noise = NDArray[np.float64]

# A fixed calendar: the sample must not depend on the day on which it is made.
_FIRST_DAY = np.datetime64("2026-01-05")
_FIRST_CHANGE = np.datetime64("2026-01-05T08:00:00")
_DAY_SECONDS = 86_400
_DAYS = 300
_FAMILY = 8
"""People whose identifiers follow each other may be merged with each other."""


def noise(seed: int, purpose: str, numbers: Numbers) -> Noise:
    """For each number a value in [0, 1) that seed, purpose and number decide (SplitMix64)."""
    digest = blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed += np.uint64(int.from_bytes(digest, "big"))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    found: Noise = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) / 2.0**53
    return found


def person_count(config: SampleConfig) -> int:
    """How many people the participants are: some take part more than once."""
    return max(1, config.rows * 7 // 10)


def events(config: SampleConfig, numbers: Numbers, earlier: Mask, form: Format) -> Columns:
    """Events of these numbers; where `earlier`, the version before the latest."""
    seed = config.seed
    brand = _known_numbers(noise(seed, "event brand", numbers), len(BRANDS))
    days = (noise(seed, "event date", numbers) * _DAYS).astype(int) + np.where(earlier, 7, 0)
    is_unknown = noise(seed, "unknown brand", numbers) < 0.003
    has_none = noise(seed, "no brand", numbers) < 0.01
    brands = np.where(is_unknown, 999, brand).tolist()
    indication = _known_numbers(noise(seed, "event indication", numbers), len(INDICATIONS))
    return {
        "event_id": [f"EV{n:07d}" for n in numbers.tolist()],
        "event_name": _titles(config, numbers, brand, earlier),
        "event_date": (_FIRST_DAY + days).astype(str).tolist(),
        "brand_id": _with_gaps([f"BR{n:03d}" for n in brands], has_none),
        "indication_id": [f"IND{n:03d}" for n in indication.tolist()],
        "oasis_modified_date": _times(config, "event", numbers, earlier, form),
    }


def participants(config: SampleConfig, numbers: Numbers, earlier: Mask, form: Format) -> Columns:
    """Participants of these numbers; where `earlier`, the version before the latest."""
    seed = config.seed
    # Few events are large, many small.
    event = (noise(seed, "event", numbers) ** 1.5 * config.event_count).astype(int)
    person = (noise(seed, "person", numbers) * person_count(config)).astype(int)
    kinds = _known_numbers(noise(seed, "type", numbers), len(PARTICIPANT_TYPES))
    attended = noise(seed, "attended", numbers) < 0.72
    return {
        "participant_id": [f"PT{n:09d}" for n in numbers.tolist()],
        "event_id": [f"EV{n:07d}" for n in event.tolist()],
        "mdm_id": _with_gaps(_people(person), noise(seed, "no mdm", numbers) < 0.04),
        "participant_type": [PARTICIPANT_TYPES[n] for n in kinds.tolist()],
        "attended": _with_gaps(
            [form.words[not yes] for yes in (attended ^ earlier).tolist()],
            noise(seed, "attended unknown", numbers) < 0.03,
        ),
        "modified_date": _times(config, "participant", numbers, earlier, form),
    }


def brands(_config: SampleConfig, numbers: Numbers, earlier: Mask, _form: Format) -> Columns:
    """Brands of these numbers; where `earlier`, under a former name."""
    return _master("brand", "BR", BRANDS, numbers, earlier)


def indications(_config: SampleConfig, numbers: Numbers, earlier: Mask, _form: Format) -> Columns:
    """Indications of these numbers; where `earlier`, under a former name."""
    return _master("indication", "IND", INDICATIONS, numbers, earlier)


def mdm(config: SampleConfig, numbers: Numbers, earlier: Mask, _form: Format) -> Columns:
    """The people of these numbers that the master knows; where `earlier`, not merged yet."""
    target = np.where(earlier, numbers, _merged_into(config, numbers))
    return {"mdm_id": _people(numbers), "final_mdm_id": _people(target)}


def in_mdm(config: SampleConfig, numbers: Numbers) -> Mask:
    """True for the people that the master has a row for."""
    is_listed = noise(config.seed, "in mdm", numbers) < 0.1
    found: Mask = is_listed | (_merged_into(config, numbers) != numbers)
    return found


def _merged_into(config: SampleConfig, numbers: Numbers) -> Numbers:
    """The person that each is merged into, else the same person.

    Some families are a chain of eight, very few hold a circle of three; others are merged singly
    into someone further on, which makes short chains.
    """
    last = person_count(config) - 1
    family, place = numbers // _FAMILY, numbers % _FAMILY
    kind = noise(config.seed, "family", family)
    is_chain = (kind < 0.02) | (family == 3)
    is_circle = (kind > 0.9999) | (family == 5)
    is_single = noise(config.seed, "merged", numbers) < 0.12
    step = 1 + (noise(config.seed, "merged into", numbers) * 40).astype(int)
    chained = np.where(place < _FAMILY - 1, numbers + 1, numbers)
    circled = np.where(place < 3, family * _FAMILY + (place + 1) % 3, numbers)
    singly = np.where(is_single, numbers + step, numbers)
    target = np.select([is_circle, is_chain], [circled, chained], singly)
    has_room = (family + 1) * _FAMILY <= last
    found: Numbers = np.where(has_room, np.minimum(target, last), numbers)
    return found


def _titles(config: SampleConfig, numbers: Numbers, brand: Numbers, earlier: Mask) -> list[object]:
    region = numbers * len(REGIONS) // config.event_count
    pick = noise(config.seed, "title", numbers)
    is_awkward = noise(config.seed, "awkward title", numbers) < 0.02
    rows = zip(
        *(n.tolist() for n in (numbers, region, brand, pick, is_awkward, earlier)), strict=True
    )
    return [
        _one_of(AWKWARD_TITLES if odd else REGIONS[at].titles, chance).format(
            # The Latin brands fit every encoding that a region may use.
            n=number,
            brand=BRANDS[of % 5],
            draft=" (draft)" if is_draft else "",
        )
        for number, at, of, chance, odd, is_draft in rows
    ]


def _one_of(titles: Sequence[str], pick: float) -> str:
    return titles[int(pick * len(titles))] + "{draft}"


def _times(
    config: SampleConfig, entity: str, numbers: Numbers, earlier: Mask, form: Format
) -> list[object]:
    """When the rows were modified; the version before the latest by one to thirty days less."""
    seconds = (noise(config.seed, f"{entity} time", numbers) * _DAYS * _DAY_SECONDS).astype(int)
    before = (noise(config.seed, f"{entity} before", numbers) * 29 + 1) * _DAY_SECONDS
    moments = _FIRST_CHANGE + np.where(earlier, seconds - before.astype(int), seconds)
    texts = moments.astype(str).tolist()
    return [f"{t}Z" for t in texts] if form.has_zone else [t.replace("T", " ") for t in texts]


def _master(
    name: str, prefix: str, words: Sequence[str], numbers: Numbers, earlier: Mask
) -> Columns:
    pairs = zip(numbers.tolist(), earlier.tolist(), strict=True)
    return {
        f"{name}_id": [f"{prefix}{n:03d}" for n in numbers.tolist()],
        f"{name}_name": [words[n] + (" (former name)" if old else "") for n, old in pairs],
    }


def _people(numbers: Numbers) -> list[object]:
    return [f"M{n:09d}" for n in numbers.tolist()]


def _known_numbers(chance: Noise, count: int) -> Numbers:
    return (chance * count).astype(np.int64)


def _with_gaps(values: Sequence[object], gaps: Mask) -> list[object]:
    return [None if gap else v for v, gap in zip(values, gaps.tolist(), strict=True)]


Maker = Callable[[SampleConfig, Numbers, Mask, Format], Columns]

"""What a batch reads is what it touches: the files of other days may even be gone."""

import json
from datetime import timedelta
from pathlib import Path

from stream_world import NOON, batches, event, expected_gold, feed, gold

from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum.systems.stream.gold.mastery_deltas import MASTERY_DELTAS
from lyceum.systems.stream.gold.minute_metrics import MINUTE_METRICS
from lyceum.systems.stream.gold.session_metrics import SESSION_METRICS
from lyceum.systems.stream.silver import LEARNER_EVENTS

BY_DAY = (LEARNER_EVENTS, MINUTE_METRICS, SESSION_METRICS, MASTERY_DELTAS)


def day(n):
    at = NOON + timedelta(days=n)
    return [
        event(f"{n}-1", "question_answered", at, correct=True, session=f"s{n}"),
        event(f"{n}-2", "mastery_updated", at, mastery=n / 20, session=f"s{n}"),
    ]


def files_until(lake, table, last_day):
    """The files of a table whose statistics end at a day or before."""
    folder = Path(str(lake.location(table)))
    found = {}
    for log in sorted(folder.joinpath("_delta_log").glob("*.json")):
        for line in log.read_text(encoding="utf-8").splitlines():
            action = json.loads(line)
            if "add" in action:
                found[action["add"]["path"]] = json.loads(action["add"]["stats"])["maxValues"]
            if "remove" in action:
                found.pop(action["remove"]["path"], None)
    return [folder / path for path, most in found.items() if most.get("date_key", 0) <= last_day]


def test_a_batch_opens_no_file_of_a_day_that_it_does_not_touch(lake):
    days = [day(n) for n in range(8)]
    found = list(batches(*days))
    moved = []

    def with_old_files_gone():
        yield from found[:7]
        # A session may reach into the day before: day 6 is looked at, days 0 to 5 are not.
        bronze = [Path(str(lake.location(LEARNER_EVENTS_RAW))).glob("*.parquet")]
        old = [f for table in BY_DAY for f in files_until(lake, table, 20260307)]
        moved.extend([*old, *(f for found in bronze for f in found)])
        for file in moved:
            file.rename(file.with_suffix(".away"))
        yield found[7]

    feed(lake, with_old_files_gone())
    assert len(moved) == 6 * len(BY_DAY) + 7
    for file in moved:
        file.with_suffix(".away").rename(file)
    assert gold(lake) == expected_gold([e for part in days for e in part])

"""A week of changes, synced every hour: the history is the oracle's, and what holds now is the same
as by one sync at the end. CI runs a part of the hours, `make soak` all of them."""

import json
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from oltp_world import CONFIG

from lyceum.lakehouse import Lakehouse
from lyceum.session import new_session
from lyceum.systems.warehouse import etl
from lyceum.systems.warehouse.facts import FACTS
from lyceum.systems.warehouse.gold.dimensions import (
    DIM_LEARNER,
    DIM_SKILL,
    DIM_SUBJECT,
    DIM_TENANT,
    DIM_USER,
)
from soak import IS_SOAK

HOURS = 168 if IS_SOAK else 4
LEARNERS = """SELECT id::text, tenant_id::text, display_name, grade_level, locale,
    is_active AND deleted_at IS NULL, updated_at FROM learners"""


@dataclass
class Version:
    """A version of a learner as the snapshots showed it."""

    seen: datetime
    values: tuple
    updated: datetime
    ended: datetime | None = None


class Oracle:
    """The history that hourly snapshots tell."""

    def __init__(self) -> None:
        self.versions: dict[str, list[Version]] = {}

    def see(self, at: datetime, rows: list[tuple]) -> None:
        present = {key: (tuple(values), updated) for key, *values, updated in rows}
        for key, (values, updated) in present.items():
            known = self.versions.setdefault(key, [])
            last = known[-1] if known else None
            if last is not None and last.ended is None and last.values == values:
                continue
            if last is not None and last.ended is None:
                last.ended = at
            known.append(Version(at, values, updated))
        for key, known in self.versions.items():
            if key not in present and known[-1].ended is None:
                known[-1].ended = at

    def rows(self) -> set[tuple]:
        """What the dimension should hold."""
        found = set()
        for key, known in self.versions.items():
            starts = []
            for before, version in zip([None, *known], known, strict=False):
                bound = before and (before.ended if before.ended < version.seen else before.seen)
                is_told = version.updated <= version.seen and (not bound or version.updated > bound)
                starts.append(version.updated if is_told else version.seen)
            for number, version in enumerate(known):
                follows = number + 1 < len(known) and known[number + 1].seen == version.ended
                end = starts[number + 1] if follows else version.ended
                found.add((key, *version.values, starts[number], end, version.ended is None))
        return found


def change(oltp, chance: random.Random) -> None:
    """What an hour brings, some of it as products should not do it."""
    ids = [row[0] for row in oltp.connection.execute("SELECT id FROM learners ORDER BY id")]
    some = [str(one) for one in chance.sample(ids, 4)]
    now = "updated_at = clock_timestamp()"
    oltp.run(
        f"UPDATE learners SET grade_level = grade_level % 12 + 1, {now} WHERE id = '{some[0]}'",
        # Without the time of update; to NULL and back.
        f"""UPDATE learners SET locale = CASE WHEN locale IS NULL THEN 'en' END
            WHERE id IN ('{some[1]}', '{some[0]}')""",
        f"UPDATE learners SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END, {now} "
        f"WHERE id = '{some[2]}'",
        f"WITH d AS (DELETE FROM learners WHERE id = '{some[3]}' RETURNING *) "
        "INSERT INTO kept SELECT * FROM d",
        "UPDATE users SET email = email",
        f"UPDATE tenants SET plan = 'p{chance.random()}', {now} WHERE id::text LIKE '%0'",
        f"UPDATE skill_mastery SET attempts = attempts + 1, {now} WHERE learner_id = '{some[0]}'",
        f"UPDATE session_activities SET is_correct = NOT is_correct WHERE skill_id::text LIKE "
        f"'%{chance.randrange(10)}'",
    )
    if chance.random() < 0.5:
        # They come back as they were, with an old time of update.
        oltp.run("INSERT INTO learners SELECT * FROM kept ON CONFLICT DO NOTHING", "TRUNCATE kept")
    if chance.random() < 0.5:
        oltp.run(
            f"INSERT INTO learners (id, tenant_id, display_name) "
            f"VALUES ('{random_uuid(chance)}', '{random_uuid(chance)}', 'New')",
            f"DELETE FROM learning_sessions WHERE id IN (SELECT id FROM learning_sessions "
            f"ORDER BY id LIMIT {chance.randrange(2)})",
            "UPDATE learning_sessions SET started_at = started_at - interval '1 day' WHERE id IN "
            f"(SELECT id FROM learning_sessions ORDER BY id DESC LIMIT {chance.randrange(3)})",
        )


def random_uuid(chance: random.Random) -> str:
    return f"{chance.getrandbits(32):08x}-0000-4000-8000-{chance.getrandbits(48):012x}"


def snapshot_at(lake) -> datetime:
    state = json.loads((lake.config.landing / "oltp" / "state.json").read_text())
    return datetime.fromisoformat(state["snapshot_at"])


def utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def without_keys(frame) -> list[tuple]:
    """Rows without surrogate keys, which depend on when a version began."""
    names = sorted(n for n in frame.columns if not n.endswith("_key") or n == "date_key")
    return sorted(tuple(map(str, row)) for row in frame.select(*names).collect())


@pytest.mark.soak
def test_a_week_synced_hourly_is_the_oracles_history_and_one_sync_at_the_end(oltp, world, tmp_path):
    chance = random.Random(7)
    oltp.run("CREATE TABLE kept AS SELECT * FROM learners WHERE false")
    oracle = Oracle()
    for _ in range(HOURS):
        etl.run_all_dimension_syncs(lake=world)
        oracle.see(snapshot_at(world), list(oltp.connection.execute(LEARNERS)))
        change(oltp, chance)
    etl.run_all_dimension_syncs(lake=world)
    oracle.see(snapshot_at(world), list(oltp.connection.execute(LEARNERS)))

    columns = ("learner_id", "tenant_id", "learner_name", "grade_level", "locale", "is_active",
               "effective_from", "effective_to", "is_current")  # fmt: skip
    history = world.read(DIM_LEARNER).select(*columns).collect()
    assert {tuple(map(utc, row)) for row in history} == {
        tuple(map(utc, row)) for row in oracle.rows()
    }
    assert len(history) > 20 + HOURS

    home = tmp_path / "once"
    config = replace(world.config, home=home, warehouse=str(home / "warehouse"))
    once = Lakehouse(new_session(config), config)
    etl.run_all_dimension_syncs(lake=once)
    today = datetime.now(UTC).date()
    first = CONFIG.until - timedelta(days=CONFIG.days + HOURS // 20)
    for lake in (world, once):
        etl.backfill(first, CONFIG.until, lake=lake)
        etl.run_job("build_fact_learning_progress", today, lake=lake)
    for dimension in (DIM_TENANT, DIM_LEARNER):
        current = [
            without_keys(lake.read(dimension).where("is_current").drop("effective_from"))
            for lake in (world, once)
        ]
        assert current[0] == current[1]
    for dimension in (DIM_USER, DIM_SUBJECT, DIM_SKILL):
        assert without_keys(world.read(dimension)) == without_keys(once.read(dimension))
    for job, fact in FACTS.items():
        # What was known on an evening of the past only who was there can tell.
        last = f"date_key = {today:%Y%m%d}" if job == "build_fact_learning_progress" else "true"
        hourly, at_once = (
            without_keys(lake.read(fact.table).where(last)) for lake in (world, once)
        )
        assert hourly == at_once
        assert hourly
    once.spark.stop()

"""Erasure in the warehouse: what AUTO CDC hides and the index of what was landed are among it."""

import re

from test_erase import erased, hits
from test_etl import LEARNER, build

from lyceum.systems.warehouse.facts import FACTS
from lyceum.systems.warehouse.gold.dimensions import DIM_LEARNER
from lyceum.systems.warehouse.pipeline import update_tables


def facts(lake):
    """All rows of all facts, the pseudonym as the learner's own identifier."""
    rows = (str(row) for fact in FACTS.values() for row in lake.read(fact.table).collect())
    return sorted(re.sub("ERASED-[0-9A-F]+", LEARNER, row) for row in rows)


def test_a_learner_of_the_warehouse_is_erased_and_facts_stay(synced):
    build(synced)
    before = facts(synced)
    first = erased(synced, LEARNER)
    assert first.tables["Erasures"][0][1] > 3
    dim = synced.read(DIM_LEARNER).where("learner_id LIKE 'ERASED-%'")
    assert {row.learner_name for row in dim.collect()} == {None}
    assert {one.unknown for one in build(synced, force=True).values()} == {0}
    assert facts(synced) == before
    # The history of learners streams from bronze: it moves on, then nothing is held back.
    update_tables(synced)
    names = {row.learner_name for row in synced.read(DIM_LEARNER).collect()}
    assert None in names
    assert "ERASED" not in str(names)
    said = erased(synced, LEARNER)
    assert (said.lines, hits(synced.config.home, LEARNER)) == ([], [])
    assert (said.tables["Erasures"][0][3], said.lines) == ("ERASED", [])
    assert hits(synced.config.home, LEARNER) == []

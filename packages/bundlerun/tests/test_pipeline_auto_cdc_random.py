"""AUTO CDC against plain Python: the set of changes decides, not order, batches or repetition."""

import json
import tempfile
from itertools import pairwise
from pathlib import Path

import changes_oracle as oracle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipelines_world import World

from pocketlake.observe import followed
from soak import IS_SOAK

PIPELINE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.temporary_view
def changes():
    columns = "k STRING, a INT, b INT, seq INT, tie INT, gone BOOLEAN, batch INT"
    return spark.readStream.schema(columns).json(spark.conf.get("landing"))

def flow(name, **options):
    dp.create_streaming_table(name)
    dp.create_auto_cdc_flow(
        target=name, source="changes", keys=["k"], sequence_by=F.struct("seq", "tie"),
        apply_as_deletes="gone", column_list=["a", "b"], **options,
    )

flow("silver.states")
flow("silver.versions", stored_as_scd_type=2)
flow("silver.tracked", stored_as_scd_type=2, track_history_except_column_list=["b"])
"""

KEYS = st.sampled_from([*"abcdefghijklmnopqrstuvwxyz", None])
VALUES = st.tuples(*[st.sampled_from([None, 1, 2])] * 2)
SEQUENCES = st.tuples(st.integers(1, 4), st.integers(0, 1))
CHANGES = st.tuples(KEYS, VALUES, SEQUENCES, st.sampled_from([False, False, False, True]))
BATCHES = st.lists(st.lists(CHANGES, min_size=50, max_size=90), min_size=2, max_size=4)
CRASHES = st.lists(st.integers(1, 13), max_size=3)


class Killed(BaseException):
    """The end of the process, as far as a test of one process has it."""


class Countdown:
    """Ends the process at a step of a write, the first or a later one."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self, kind, _name):
        if kind in ("writing", "written"):
            self.steps -= 1
            if self.steps == 0:
                raise Killed


def land(world, number, batch):
    lines = [
        {"k": k, "a": a, "b": b, "seq": seq, "tie": tie, "gone": gone, "batch": number}
        for k, (a, b), (seq, tie), gone in batch
    ]
    world.land(f"{number}.json", *map(json.dumps, lines))


def check(world, changes):
    states = oracle.states(changes)
    assert plain(world, "silver.states") == states
    for name, tracked in (("versions", (0, 1)), ("tracked", (0,))):
        rows = plain(world, f"silver.{name}")
        assert rows == oracle.versions(changes, tracked)
        assert sorted((row[:3] for row in rows if row[4] is None), key=str) == states
        assert_apart(rows)


def plain(world, name):
    rows = world.rows(name)
    return sorted(
        (tuple(tuple(v) if isinstance(v, tuple) else v for v in r) for r in rows), key=str
    )


def assert_apart(rows):
    """The versions of a key follow each other."""
    by_start = sorted(rows, key=lambda row: (str(row[0]), row[3]))
    for one, next_one in pairwise(by_start):
        if one[0] == next_one[0]:
            assert one[4] is not None
            assert one[4] <= next_one[3]


@pytest.mark.soak
@settings(
    max_examples=400 if IS_SOAK else 5,
    deadline=None,
    derandomize=not IS_SOAK,
    suppress_health_check=list(HealthCheck),
)
@given(batches=BATCHES, crashes=CRASHES)
def test_any_changes_in_any_batches_with_any_crash_give_what_their_set_gives(batches, crashes):
    with tempfile.TemporaryDirectory() as home:
        world = World(Path(home), {"changes.py": PIPELINE})
        known, steps = [], list(crashes)
        for number, batch in enumerate(batches):
            land(world, number, batch)
            known += batch
            if steps:
                try:
                    with followed(Countdown(steps.pop())):
                        world.update()
                except Killed:
                    pass
            world.updated()
            check(world, known)

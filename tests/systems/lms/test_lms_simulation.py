"""Seeded lives of the LMS client, on a virtual clock: 2,000 of them, 10,000 in a soak."""

import os
from collections import Counter

import pytest
from lms_simulation import check_load_seed, check_seed

from soak import IS_SOAK

pytestmark = pytest.mark.soak

SEEDS = 10_000 if IS_SOAK else 2_000
# LYCEUM_SIM_SEED=123 runs that one seed again.
ONE_SEED = os.environ.get("LYCEUM_SIM_SEED")


@pytest.mark.slow
def test_no_seed_breaks_an_invariant():
    """The rate, the calls and the one report an event, one token call at a time, and an end."""
    kinds: Counter[str] = Counter()
    for seed in [int(ONE_SEED)] if ONE_SEED else range(SEEDS):
        try:
            kinds += check_seed(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}: run it again with LYCEUM_SIM_SEED={seed}")
            raise
    if not ONE_SEED:
        seen = {"fetched", "list_complete", "list_paging", "http_404", "http_503", "timeout",
                "connection", "truncated", "not_json", "circuit_open", "retry_after_too_long",
                "unauthorized", "auth", "token_unavailable"}  # fmt: skip
        assert seen <= kinds.keys(), f"never happened: {seen - kinds.keys()}"


@pytest.mark.slow
def test_no_seed_breaks_a_load_that_is_broken_off(tmp_path):
    """Every answer once, whatever ends a run and whatever a kill leaves of its files."""
    kinds: Counter[str] = Counter()
    for seed in [int(ONE_SEED)] if ONE_SEED else range(SEEDS):
        try:
            kinds += check_load_seed(seed, tmp_path)
        except BaseException as error:
            error.add_note(f"seed {seed}: run it again with LYCEUM_SIM_SEED={seed}")
            raise
    if not ONE_SEED:
        seen = {"complete", "cancelled", "circuit_open", "auth", "broken chunk", "broken record",
                "broken next record", "broken unrecorded"}  # fmt: skip
        assert seen <= kinds.keys(), f"never happened: {seen - kinds.keys()}"

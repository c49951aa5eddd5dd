"""However files come and jobs run in between, gold ends as plain Python computes it."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sales_lake import FILES, expected_gold, gold, gold_jobs, write_files

from lakes import few_examples, fresh, lake_in
from lyceum.runs.reporter import Reporter
from lyceum.systems.sales.job_load import load
from lyceum.systems.sales.job_monthly import monthly
from lyceum.systems.sales.job_performance import performance
from lyceum.systems.sales.months import Selection

JOBS = {
    "monthly": lambda lake: monthly(lake, Selection(), Reporter(), dry_run=False),
    "performance": lambda lake: performance(lake, Reporter()),
}
_places = count()


@st.composite
def histories(draw):
    """The files in any order, in up to three loads, each with the jobs that run after it."""
    names = draw(st.permutations(sorted(FILES)))
    cuts = sorted(draw(st.lists(st.integers(1, len(names) - 1), min_size=1, max_size=2)))
    loads = [names[a:b] for a, b in zip([0, *cuts], [*cuts, len(names)], strict=True)]
    return [(loaded, draw(st.sets(st.sampled_from(sorted(JOBS))))) for loaded in loads]


@pytest.mark.slow
@few_examples
@given(history=histories())
def test_any_split_over_any_sequence_of_loads_and_runs_gives_the_same_gold(lake, tmp_path, history):
    place = tmp_path / f"{next(_places)}"
    ours = lake_in(lake, place / "home")
    for names, jobs in history:
        folder = write_files(place / "shop", names)
        load(ours, folder, Reporter())
        for job in sorted(jobs):
            JOBS[job](ours)
    gold_jobs(ours)
    assert gold(ours) == expected_gold(place / "shop")
    fresh(ours)

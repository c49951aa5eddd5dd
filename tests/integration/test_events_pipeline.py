"""The declarative pipeline gives the tables that the merges give."""

from pathlib import Path

import pytest
from events_world import CLEAN, DELIVERIES, deliver, in_quarantine, outputs

import lyceum
from lyceum.bronze.landing import LANDING_PARTICIPANTS
from lyceum.jobs.events import run
from lyceum.jobs.events_pipeline import preprocess, quarantine_all
from lyceum.local.pipeline_run import PipelineResult, run_pipeline
from lyceum.storage import Lakehouse

SETTINGS = {
    "name": "events",
    "schema": "silver",
    "root_path": "src/pipelines",
    "libraries": [{"glob": {"include": "src/pipelines/**"}}],
}


def updated(lake: Lakehouse, **options: object) -> PipelineResult:
    """The result of one update of the pipeline."""
    root = Path(lyceum.__file__).parents[2]
    result = run_pipeline(SETTINGS, config=lake.config, folder=root, **options)
    assert result.state == "COMPLETED", result.error
    return result


@pytest.mark.slow
def test_the_declarative_pipeline_gives_the_same_tables_as_the_merges(lake, spark):
    """An update over two deliveries, then a run of the merges, which changes but a renamed brand."""
    deliver(lake, CLEAN)
    job = deliver(lake, DELIVERIES[3], 4)
    preprocess(job)
    assert len(updated(lake).datasets) == 9
    quarantine_all(job)
    rows = lake.read(LANDING_PARTICIPANTS)
    assert rows.count() == rows.dropDuplicates(LANDING_PARTICIPANTS.keys).count() == 12
    found, broken = outputs(lake), in_quarantine(lake)
    assert ("unreadable_file", "events/three.csv.gz") in broken

    run(deliver(lake, {"brands/new.csv": "brand_id,brand_name\nB9,Neuro\n"}, 9))
    renamed = outputs(lake)
    assert [row[4] for row in renamed["silver.lm_events"]] == ["Cardivo", "Pulmora", "Neuro"]
    assert renamed["silver.lm_participants"] == found["silver.lm_participants"]
    assert in_quarantine(lake) == [row for row in broken if row[0] != "unknown_brand"]

"""The event pipeline as the declarative pipeline of the bundle, on Spark's own engine."""

import argparse
import json
from pathlib import Path

from lyceum.config import Config
from lyceum.jobs.events import EventsJob
from lyceum.jobs.events_pipeline import preprocess, quarantine_all
from lyceum.local.pipeline_run import run_pipeline
from lyceum.ops.reporter import Reporter
from lyceum.session import spark_session
from lyceum.storage import Lakehouse

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Prepare what was delivered, update the pipeline, bring the quarantine up to date."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    given = parser.parse_args()
    config = Config.load(given.home)
    job = EventsJob(Lakehouse(spark_session(config), config), given.landing, Reporter("quiet"))
    preprocess(job)
    settings = {
        "name": "events",
        "schema": "silver",
        "root_path": "src/pipelines",
        "libraries": [{"glob": {"include": "src/pipelines/**"}}],
    }
    result = run_pipeline(settings, config=config, folder=ROOT)
    if result.state != "COMPLETED":
        raise SystemExit(result.error)
    quarantine_all(job)
    print(json.dumps({"pipeline": result.state}))


if __name__ == "__main__":
    main()

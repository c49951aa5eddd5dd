"""The pipeline and its gold job, as in a workspace: the same tables as the service's."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from stream_world import NOON, event, expected_gold, gold

import lyceum
from bundlerun.pipelines import run_pipeline
from bundlerun.pipelines.settings import pipeline_settings
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.reporter import Reporter
from lyceum.systems.stream import job_stream_gold as job
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum.systems.stream.silver import LEARNER_EVENTS
from lyceum_lab.kafka import Broker

pytestmark = pytest.mark.broker
EVENTS = [
    event(1, "question_answered", NOON, correct=True, duration_ms=10),
    event(2, "mastery_updated", NOON, mastery=0.5),
    event(1, "question_answered", NOON, correct=True, duration_ms=10),
    event(3, "mastery_updated", NOON, mastery=0.25),
]


def update(lake, broker):
    """One update of the pipeline as the bundle has it."""
    schemas = {f"lyceum.schema.{layer}": name for layer, name in lake.config.schemas.items()}
    kafka = {"lyceum.kafka.bootstrap.servers": broker.address, "lyceum.kafka.topic": "events_raw"}
    resource = {
        "schema": "silver",
        "root_path": "src/pipelines/stream",
        "libraries": [{"file": {"path": "src/pipelines/stream/learner_events.py"}}],
        "configuration": {**schemas, **kafka},
    }
    settings = pipeline_settings("stream", resource, folder=Path(lyceum.__file__).parents[2])
    names = {t.name: t for t in (LEARNER_EVENTS_RAW, LEARNER_EVENTS)}
    storage = lake.config.home / "checkpoints"
    done = run_pipeline(lake, settings, storage=storage, declarations=names)
    assert done.error is None


def test_pipeline_and_gold_job_give_what_the_events_give(lake, tmp_path, config):
    with Broker.of(tmp_path / "broker", config.cache_folder) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        for made in admin.create_topics([NewTopic("events_raw", 2, 1)]).values():
            made.result(20)
        producer = Producer({"bootstrap.servers": broker.address})
        for part in (EVENTS[:2], EVENTS[2:]):
            for one in part:
                producer.produce("events_raw", json.dumps(one).encode(), key=b"k")
            producer.produce("events_raw", b"\xff", key=b"k", headers=[("h", b"v")])
            producer.produce("events_raw", json.dumps(part[0]).encode(), key=b"k")
            assert producer.flush(20) == 0
            update(lake, broker)
            job.gold(lake, Reporter())
    assert lake.read(LEARNER_EVENTS).count() == 3
    assert gold(lake) == expected_gold(EVENTS)
    bad = lake.read(QUARANTINE).where("rule = 'malformed'").orderBy("position").collect()
    assert [row.raw for row in bad] == ["/w==", "/w=="]
    headers = lake.read(LEARNER_EVENTS_RAW).where("undecodable IS NOT NULL").select("headers")
    assert {row.headers for row in headers.collect()} == {'[["h","v"]]'}

"""The service on a real broker: killed, the broker stopped, partitions added, offsets deleted."""

import json
import random
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from stream_world import NOON, event, expected_gold, gold

from lakes import fresh
from lyceum.quality.quarantine import QUARANTINE
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum_lab.kafka import Broker
from soak import IS_SOAK

pytestmark = [pytest.mark.broker, pytest.mark.soak, pytest.mark.slow]

EVENTS = 200_000 if IS_SOAK else 6_000
KILLS = 20 if IS_SOAK else 3
TOPIC = "events_raw"


@pytest.fixture(scope="module")
def broker(tmp_path_factory, config):
    with Broker.of(tmp_path_factory.mktemp("broker"), config.cache_folder) as found:
        yield found


@pytest.fixture
def topic(broker):
    """A topic of its own for each test, of three partitions."""
    name = f"{TOPIC}_{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": broker.address})
    for made in admin.create_topics([NewTopic(name, 3, 1)]).values():
        made.result(20)
    return name


class Service:
    """`lyceum stream run` in a process."""

    def __init__(self, home, broker, topic):
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": broker.address,
            "KAFKA_TOPIC_EVENTS_RAW": topic,
            "BATCH_SIZE": EVENTS // 10,
            "FLUSH_INTERVAL_SECONDS": 0.5,
            "STREAM_HTTP_PORT": 0,
        }
        text = " ".join(f"{name}={value}" for name, value in settings.items())
        self.command = [sys.executable, "-m", "lyceum", "--home", str(home), "--json"]
        self.command += ["--settings", text, "stream", "run"]

    def start(self):
        return subprocess.Popen(self.command, stdout=subprocess.DEVNULL)

    def once(self, *options):
        done = subprocess.run(
            [*self.command, "--once", *options], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def sent(broker, topic, messages):
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 20})
    for key, value in messages:
        while True:
            try:
                producer.produce(topic, value, key=key)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


def learners_events(n, seed):
    """Events of three days, out of order, with repetitions and messages that are none."""
    chance = random.Random(seed)
    events = []
    for number in range(n):
        kind = chance.choice(("question_answered", "mastery_updated", "heartbeat", "game_won"))
        at = NOON + timedelta(seconds=chance.randrange(3 * 86_400), milliseconds=number % 1000)
        fields = {
            "question_answered": {"correct": chance.random() < 0.5, "duration_ms": 1000},
            "mastery_updated": {"mastery": chance.randrange(1000) / 1000},
        }.get(kind, {})
        learner = f"l{chance.randrange(max(20, n // 100))}"
        session = f"s{chance.randrange(3)}"
        events.append(event(number, kind, at, learner=learner, session=session, **fields))
    messages = [(e["learner_id"], json.dumps(e).encode()) for e in events]
    messages += chance.sample(messages, n // 20)
    messages += [("bad", b"\xff\xfe"), ("bad", b"{"), (None, None)] * (n // 300)
    chance.shuffle(messages)
    return events, messages


def test_nothing_is_lost_or_double_whatever_ends(lake, tmp_path, broker, topic):
    """SIGKILL at random moments, the broker restarted, partitions added half way."""
    events, messages = learners_events(EVENTS, seed=7)
    service = Service(tmp_path, broker, topic)
    chance = random.Random(7)
    half = len(messages) // 2
    sent(broker, topic, messages[:half])
    for kill in range(KILLS):
        process = service.start()
        time.sleep(chance.uniform(1.5, 6))
        if kill == KILLS // 2:
            broker.stop()
            broker.start()
            admin = AdminClient({"bootstrap.servers": broker.address})
            for made in admin.create_partitions([NewPartitions(topic, 6)]).values():
                made.result(20)
            sent(broker, topic, messages[half:])
        process.send_signal(signal.SIGKILL)
        process.wait()
    service.once()
    ours = fresh(lake)
    bronze = ours.read(LEARNER_EVENTS_RAW)
    assert (
        bronze.count() == bronze.select("partition", "offset").distinct().count() == len(messages)
    )
    rejected = ours.read(QUARANTINE).where("severity = 'rejected'")
    assert rejected.count() == 3 * (EVENTS // 300)
    assert gold(ours) == expected_gold(events)
    assert lag(broker, topic) == 0


def lag(broker, topic):
    """What Kafka's own tools would show of the group."""

    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "lyceum"})
    places = [
        TopicPartition(topic, p) for p in consumer.list_topics(topic).topics[topic].partitions
    ]
    lags = [
        consumer.get_watermark_offsets(TopicPartition(topic, one.partition))[1] - max(0, one.offset)
        for one in consumer.committed(places, timeout=20)
    ]
    consumer.close()
    return sum(lags)


def test_a_broker_that_is_gone_makes_the_service_unhealthy_until_it_is_back(
    lake, tmp_path, broker, topic
):
    command = Service(tmp_path, broker, topic).command
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = json.loads(process.stdout.readline())["text"].split()[1].removesuffix(";")
        until(lambda: asked(url) == 200)
        broker.stop()
        until(lambda: asked(url) == 503)
        broker.start()
        until(lambda: asked(url) == 200)
        process.terminate()
        assert process.wait(60) == 0


def until(is_so):
    deadline = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def asked(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status
    except HTTPError as error:
        return error.code


def test_a_first_run_may_begin_late(lake, tmp_path, broker, topic):
    sent(broker, topic, [("l", json.dumps(event(1)).encode())])
    service = Service(tmp_path, broker, topic)
    assert service.once("--from", "latest")["messages"] == 0
    sent(broker, topic, [("l", json.dumps(event(2)).encode())])
    assert service.once("--from", "latest")["messages"] == 1


def test_a_first_run_may_begin_at_a_time(lake, tmp_path, broker, topic):
    sent(broker, topic, [("l", json.dumps(event(1)).encode())])
    time.sleep(0.01)
    since = datetime.now(UTC).isoformat()
    sent(broker, topic, [("l", json.dumps(event(2)).encode())])
    assert Service(tmp_path, broker, topic).once("--from", since)["messages"] == 1


def test_offsets_that_retention_has_deleted_are_reported(lake, tmp_path, broker, topic):
    """The messages are gone; that they are stands in the quarantine, and the rest goes on."""

    service = Service(tmp_path, broker, topic)
    sent(broker, topic, [("l", json.dumps(event(n)).encode()) for n in range(3)])
    assert service.once()["events"] == 3
    sent(broker, topic, [("l", json.dumps(event(n)).encode()) for n in range(3, 9)])
    admin = AdminClient({"bootstrap.servers": broker.address})
    ours = fresh(lake)
    partition = ours.read(LEARNER_EVENTS_RAW).first()["partition"]
    for deleted in admin.delete_records([TopicPartition(topic, partition, 7)]).values():
        deleted.result(20)
    assert service.once()["events"] == 2
    (lost,) = ours.read(QUARANTINE).collect()
    assert (lost.rule, lost.source_key, lost.record_key) == (
        "lost_offsets",
        f"{topic}/{partition}",
        "3 to 6",
    )

"""The broker of the tests is a real one: it keeps its messages over a power cut."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lyceum_lab.kafka import Broker

pytestmark = pytest.mark.broker


def test_messages_outlive_a_broker_that_is_killed(tmp_path: Path, config):
    with Broker.of(tmp_path, config.cache_folder) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        for made in admin.create_topics([NewTopic("things", 2, 1)]).values():
            made.result(20)
        producer = Producer({"bootstrap.servers": broker.address, "acks": "all"})
        producer.produce("things", b"one", partition=1)
        assert producer.flush(20) == 0
        broker.kill()
        broker.start()
        consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "g"})
        consumer.assign([TopicPartition("things", 1, 0)])
        (message,) = consumer.consume(1, timeout=30)
        assert (message.value(), message.offset()) == (b"one", 0)
        consumer.close()

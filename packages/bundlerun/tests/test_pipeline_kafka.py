"""Streams of a real Kafka broker: each message once in the table, whatever dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pipelines_world import World, statuses

from bundlerun.pipelines import PipelineError
from lyceum_lab.kafka import Broker

PIPELINE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.table(name="bronze.messages")
def messages():
    stream = spark.readStream.format("kafka").option("subscribe", "things")
    stream = stream.option("kafka.bootstrap.servers", spark.conf.get("brokers"))
    stream = stream.option("startingOffsets", "earliest").option("includeHeaders", True)
    return stream.option("maxOffsetsPerTrigger", 7).load()

@dp.table(name="silver.texts")
def texts():
    read = spark.readStream.table("bronze.messages")
    return read.select("partition", "offset", F.col("value").cast("string").alias("text"))
"""


CHILD = """
import os, signal, sys
from pathlib import Path
from pipelines_world import World

home, brokers, last = sys.argv[1:]
file = Path(home) / "pipeline/stream.py"

def kill(step, name):
    if f"{step} {name}" == last:
        os.kill(os.getpid(), signal.SIGKILL)

World(Path(home), {"stream.py": file.read_text()}).update(
    configuration={"brokers": brokers}, on_event=kill
)
"""


class Killed(BaseException):
    """The end of the process, as far as a test of one process has it."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """One broker for the module; each test has topics of its own."""
    cache = Path(os.environ.get("LYCEUM_CACHE") or Path.home() / ".cache/lyceum")
    with Broker.of(tmp_path_factory.mktemp("broker"), cache) as broker:
        yield broker


@pytest.fixture
def topic(broker, request):
    """A topic of two partitions."""
    name = f"things-{abs(hash(request.node.name))}"
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(20)
    return name


def received(broker, topic):
    """All messages of a topic, in the order of its partitions."""
    settings = {"bootstrap.servers": broker.address, "group.id": "test"}
    consumer = Consumer(settings | {"enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in (0, 1)])
    found, ended = [], 0
    while ended < 2:
        for message in consumer.consume(100, timeout=0.2):
            ended += message.error() is not None
            found += [] if message.error() else [message]
    consumer.close()
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def send(broker, topic, *texts, partition=0, **settings):
    producer = Producer({"bootstrap.servers": broker.address, "acks": "all", **settings})
    for text in texts:
        producer.produce(topic, text.encode(), key=b"k", partition=partition)
    assert producer.flush(20) == 0


def world_of(home, broker, topic, text=PIPELINE):
    world = World(home, {"stream.py": text.replace('"things"', repr(topic))})
    return world, {"configuration": {"brokers": broker.address}}


def texts(world):
    return [(row[0], row[2]) for row in sorted(world.rows("silver.texts"))]


@pytest.mark.broker
def test_messages_come_with_the_documented_columns(tmp_path, broker, topic):
    world, options = world_of(tmp_path, broker, topic)
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce(topic, b"one", key=b"a", partition=1, timestamp=1_700_000_000_123,
                     headers=[("h", b"v"), ("none", None)])  # fmt: skip
    producer.produce(topic, None, partition=1)
    producer.flush(20)
    world.updated(**options)
    messages = world.lake.read(world.table("bronze.messages"))
    assert [field.simpleString() for field in messages.schema] == [
        "key:binary", "value:binary", "topic:string", "partition:int", "offset:bigint",
        "timestamp:timestamp", "timestampType:int", "headers:array<struct<key:string,value:binary>>",
    ]  # fmt: skip
    one, gone = messages.orderBy("offset").collect()
    assert (bytes(one.key), bytes(one.value), one.topic, one.partition, one.offset) == (
        b"a", b"one", topic, 1, 0,
    )  # fmt: skip
    assert one.timestamp.timestamp() == pytest.approx(1_700_000_000.123)
    assert (one.timestampType, [tuple(h) for h in one.headers]) == (
        0,
        [("h", b"v"), ("none", None)],
    )
    assert (gone.key, gone.value, gone.headers) == (None, None, None)


@pytest.mark.broker
def test_each_message_is_there_once_and_nothing_new_writes_nothing(tmp_path, broker, topic):
    world, options = world_of(tmp_path, broker, topic)
    world.updated(**options)
    assert world.rows("bronze.messages") == []
    sent = [(n % 2, f"{n:03}") for n in range(40)]
    for partition, text in sent:
        send(broker, topic, text, partition=partition)
    batches = []
    world.updated(**options, on_event=lambda step, name: batches.append(f"{step} {name}"))
    assert texts(world) == sorted(sent)
    assert batches.count("planned bronze.messages") >= 6
    before = world.versions()
    assert set(statuses(world.updated(**options)).values()) == {"SKIPPED"}
    assert world.versions() == before
    send(broker, topic, "more")
    world.again().updated(**options)
    assert texts(world) == sorted([*sent, (0, "more")])


@pytest.mark.broker
@pytest.mark.parametrize("step", ["planned", "writing", "written"])
def test_an_update_that_is_killed_at_any_step_takes_no_message_twice(tmp_path, broker, topic, step):
    world, options = world_of(tmp_path, broker, topic)
    sent = [(n % 2, f"{n:02}") for n in range(20)]
    for partition, text in sent:
        send(broker, topic, text, partition=partition)
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    for _ in range(2):
        command = [sys.executable, "-c", CHILD, str(tmp_path), broker.address]
        killed = subprocess.run(
            [*command, f"{step} bronze.messages"],
            env=os.environ | {"PYTHONPATH": paths},
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
    world.updated(**options)
    assert texts(world) == sorted(sent)


@pytest.mark.broker
def test_what_a_transaction_took_back_and_its_marks_are_passed_over(tmp_path, broker, topic):
    text = PIPELINE.replace('"earliest")', '"earliest").option("kafka.isolation.level", LEVEL)')
    world, options = world_of(tmp_path, broker, topic, text.replace("LEVEL", '"read_committed"'))
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": topic})
    producer.init_transactions(20)
    for number, is_kept in enumerate([True, False, True]):
        producer.begin_transaction()
        producer.produce(topic, str(number).encode(), partition=0)
        producer.flush(20)
        if is_kept:
            producer.commit_transaction(20)
        else:
            producer.abort_transaction(20)
    producer.begin_transaction()
    producer.produce(topic, b"open", partition=0)
    producer.flush(20)
    world.updated(**options)
    assert texts(world) == [(0, "0"), (0, "2")]
    producer.commit_transaction(20)
    world.updated(**options)
    assert texts(world) == [(0, "0"), (0, "2"), (0, "open")]


@pytest.mark.broker
def test_a_stream_starts_where_it_is_told_to(tmp_path, broker, topic):
    send(broker, topic, "a", "b", "c")
    start = f"""'{{"{topic}": {{"0": 2, "1": -2}}}}'"""
    for number, (offsets, found) in enumerate({start: ["c"], '"latest"': []}.items()):
        text = PIPELINE.replace('"earliest"', offsets)
        world, options = world_of(tmp_path / str(number), broker, topic, text)
        world.updated(**options)
        assert [text for _, text in texts(world)] == found
        send(broker, topic, "after")
        world.updated(**options)
        assert [text for _, text in texts(world)] == [*found, "after"]


@pytest.mark.broker
@pytest.mark.parametrize(
    ("option", "found"),
    [
        (("subscribePattern", "{topic}.*"), ["a", "b", "x"]),
        (("subscribe", "{topic},{topic}-more"), ["a", "b", "x"]),
        (("assign", '{{"{topic}": [1]}}'), ["b"]),
    ],
)
def test_topics_may_be_several_and_partitions_some(tmp_path, broker, topic, option, found):
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(f"{topic}-more", 1, 1)])[f"{topic}-more"].result(20)
    send(broker, topic, "a")
    send(broker, topic, "b", partition=1)
    send(broker, f"{topic}-more", "x")
    key, value = option
    text = PIPELINE.replace('"subscribe", "things"', f"{key!r}, {value.format(topic=topic)!r}")
    world, options = world_of(tmp_path, broker, topic, text)
    world.updated(**options)
    assert sorted(text for _, text in texts(world)) == found
    send(broker, topic, "later", partition=1)
    world.updated(**options)
    assert sorted(text for _, text in texts(world)) == sorted([*found, "later"])


@pytest.mark.broker
def test_messages_that_were_deleted_before_they_were_read_are_named(tmp_path, broker, topic):
    world, options = world_of(tmp_path, broker, topic)
    send(broker, topic, "a")
    world.updated(**options)
    send(broker, topic, "b", "c")
    admin = AdminClient({"bootstrap.servers": broker.address})
    for deleted in admin.delete_records([TopicPartition(topic, 0, 2)]).values():
        deleted.result(20)
    assert world.update(**options).error == (
        f"bronze.messages: expected offset 1 in partition 0 of {topic}, found 2 to 3: messages were "
        "deleted before they were read: set failOnDataLoss to false to go on without them"
    )
    text = world.files["stream.py"].replace(
        '"earliest")', '"earliest").option("failOnDataLoss", False)'
    )
    world.write("stream.py", text)
    world.updated(**options)
    assert [text for _, text in texts(world)] == ["a", "c"]

    send(broker, topic, "d", "e")

    def die(step, _name):
        if step == "planned":
            raise Killed

    with pytest.raises(Killed):
        world.update(**options, on_event=die)
    admin.delete_records([TopicPartition(topic, 0, 4)])[TopicPartition(topic, 0, 4)].result(20)
    world.updated(**options)
    assert [text for _, text in texts(world)] == ["a", "c", "e"]


@pytest.mark.broker
def test_a_table_without_its_checkpoint_is_not_replaced(tmp_path, broker, topic):
    import shutil

    world, options = world_of(tmp_path, broker, topic)
    send(broker, topic, "a")
    world.updated(**options)
    shutil.rmtree(tmp_path / "storage/bronze.messages")
    error = world.update(**options).error
    assert error.startswith(
        "bronze.messages: expected the checkpoint of bronze.messages, which has"
    )
    world.updated(**options, full_refresh=True)
    assert texts(world) == [(0, "a")]


def test_a_broker_that_does_not_answer_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("bundlerun.pipelines.kafka._PATIENCE", 0.5)
    world = World(tmp_path, {"stream.py": PIPELINE})
    secret = {"brokers": "127.0.0.1:1"}
    error = world.update(configuration=secret).error
    assert error.startswith(
        "bronze.messages: expected a broker at 127.0.0.1:1 that answers, found: "
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"subscribe"',
            '"endingOffsets"',
            "expected other options of a Kafka stream, found ending",
        ),
        (
            '"subscribe"',
            '"groupIdPrefix"',
            "expected one of subscribe, subscribePattern and assign",
        ),
        ("kafka.bootstrap.servers", "kafka.sasl.jaas.config", "expected kafka.bootstrap.servers"),
        (".load()", ".load().groupBy('topic').count()", "found aggregate"),
    ],
)
def test_a_wrong_stream_is_named_before_the_broker_is_asked(tmp_path, old, new, message):
    world = World(tmp_path, {"stream.py": PIPELINE.replace(old, new)})
    with pytest.raises(PipelineError, match=message) as found:
        world.update(configuration={"brokers": "hidden:1"})
    assert "hidden" not in str(found.value)


SINK = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

dp.create_sink("out", "kafka", {"kafka.bootstrap.servers": spark.conf.get("brokers"), "topic": TOPIC})

@dp.append_flow(target="out")
def lines():
    rows = spark.readStream.schema("id STRING, part INT").json(spark.conf.get("landing"))
    header = F.struct(F.lit("h").alias("key"), F.encode(F.lit("v"), "utf-8").alias("value"))
    return rows.select(
        F.col("id").alias("key"), F.concat(F.lit("text "), "id").alias("value"),
        F.col("part").alias("partition"), F.array(header).alias("headers"),
    )
"""


@pytest.mark.broker
def test_a_sink_sends_what_is_new(tmp_path, broker, topic):
    world, options = World(tmp_path, {"sink.py": SINK.replace("TOPIC", repr(topic))}), {}
    options["configuration"] = {"brokers": broker.address}
    world.land("a.json", '{"id":"1","part":1}', '{"part":0}')
    update = world.updated(**options)
    assert update.flow("out").outcome.inserted == 2
    world.land("b.json", '{"id":"3","part":1}')
    world.updated(**options)
    assert statuses(world.updated(**options)) == {"out": "SKIPPED"}
    found = [(m.partition(), m.key(), m.value(), m.headers()) for m in received(broker, topic)]
    header = [("h", b"v")]
    assert found == [
        (0, None, None, header), (1, b"1", b"text 1", header), (1, b"3", b"text 3", header),
    ]  # fmt: skip
    world.updated(**options, full_refresh=True)
    assert len(received(broker, topic)) == 6


def test_messages_that_no_broker_takes_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("bundlerun.pipelines.sinks._PATIENCE", 0.5)
    world = World(tmp_path, {"sink.py": SINK.replace("TOPIC", "'things'")})
    world.land("a.json", '{"id":"1","part":0}')
    error = world.update(configuration={"brokers": "127.0.0.1:1"}).error
    assert error == (
        "out: expected the brokers to take all messages of out, found 1 that nobody took within 0 s"
    )

"""A real Kafka broker on loopback for tests: one process, one node, its data in a folder."""

import logging
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Self

from lyceum.errors import LyceumError
from pocketlake.reference.jars import jars_of
from pocketlake.reference.java import require_java

_IVY_FILE = Path(str(files("lyceum_lab") / "kafka.ivy.xml"))
_CLUSTER = "bHljZXVtLWxhYi1icm9rZQ"
_JAVA_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_PATIENCE = 60.0
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


class BrokerError(LyceumError):
    """The broker does not start."""


class Broker:
    """A broker that can be stopped, killed and started again on the same port and data."""

    def __init__(self, folder: Path, jars: list[Path], java: str) -> None:
        self.folder = folder
        self.port, self._controller = _free_port(), _free_port()
        self._java = [java, *_JAVA_OPTIONS, "-cp", os.pathsep.join(map(str, jars))]
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def of(cls, folder: Path, cache: Path, *, java_home: str | None = None) -> Self:
        """A broker whose data is in a folder; its jars are fetched into `cache` if need be."""
        java = require_java(java_home)
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, broker_jars(cache, java), java)

    @property
    def address(self) -> str:
        """What a client calls bootstrap.servers."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start, and wait until clients are answered."""
        properties = self.folder / "server.properties"
        if not properties.exists():
            text = _PROPERTIES.format(
                port=self.port, controller=self._controller, folder=self.folder
            )
            properties.write_text(text, encoding="utf-8")
            self._run("kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties))
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [*self._java, "kafka.Kafka", str(properties)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
            )
        self._wait()

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603
            [*self._java, *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip().splitlines()[-1:]
            message = f"expected {arguments[0]} to format {self.folder}, found {said}"
            raise BrokerError(message)

    def _wait(self) -> None:
        from confluent_kafka.admin import AdminClient

        # librdkafka says on standard error that nobody answers yet; the client has to be kept.
        client = AdminClient(
            {"bootstrap.servers": self.address}, logger=_silent(), error_cb=lambda _: None
        )
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            with suppress(Exception):
                if client.list_topics(timeout=1).brokers:
                    return
        self.kill()
        message = f"expected a broker at {self.address}, found none: see {self.folder}/broker.log"
        raise BrokerError(message)


def broker_jars(cache: Path, java: str) -> list[Path]:
    """The broker's jars; to fetch them takes an environment with Apache Spark."""
    return jars_of(_IVY_FILE, "broker", cache=cache, java=java)


def _silent() -> logging.Logger:
    logger = logging.getLogger("lyceum_lab.kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    broker_jars(Path(sys.argv[1]), require_java(os.environ.get("JAVA_HOME")))

"""Messages from a broker: partitions are assigned by hand, from the positions in the tables."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Event
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from lyceum.errors import LyceumError
from lyceum.systems.stream.source.messages import Batch, Headers, Lost, Positions, Slice, row, table

_ANSWER_SECONDS = 5.0
_LOOK_SECONDS = 0.2
_AT_ONCE = 10_000
_PATIENTLY = Retrying(
    retry=retry_if_exception_type(KafkaException),
    stop=stop_after_delay(_ANSWER_SECONDS),
    wait=wait_fixed(_LOOK_SECONDS),
    reraise=True,
)
EARLIEST, LATEST = "earliest", "latest"


class BrokerError(LyceumError):
    """The broker does not answer, or its topic is not what it was."""


class BrokerSource:
    """One topic; partitions that are added later are read from their begin."""

    def __init__(
        self, client: Mapping[str, object], topic: str, group: str, *, start: str, stop: Event
    ) -> None:
        """A consumer of a topic.

        Args:
            client: How to connect, as librdkafka calls it.
            topic: The topic.
            group: The group that offsets are published to.
            start: earliest, latest or a time in ISO 8601: where a first run begins.
            stop: Ends a batch early once it is set.
        """
        self._topic, self._start, self._stop = topic, start, stop
        options = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        quiet = {"log_level": 2, "error_cb": lambda _: None}
        self._consumer = Consumer({**client, **options, **quiet})
        self._next: dict[Slice, int] = {}
        """Where each assigned partition is read on."""
        self.lost: list[Lost] = []
        """What was lost since somebody looked."""

    def begin(self, positions: Positions) -> dict[Slice, int]:
        """Read on from the positions; where each partition is read from now."""
        self._assign(positions)
        return dict(self._next)

    def batch(self, positions: Positions, *, most: int, seconds: float) -> Batch | None:
        """The next messages, `most` of them at most; None if none came within the seconds."""
        self._assign(positions)
        rows: list[tuple[object, ...]] = []
        until: dict[Slice, int] = {}
        deadline = time.monotonic() + seconds
        while len(rows) < most and time.monotonic() < deadline and not self._stop.is_set():
            for message in self._consumer.consume(min(most - len(rows), _AT_ONCE), _LOOK_SECONDS):
                error = message.error()
                if error is None:
                    place = (self._topic, int(message.partition() or 0))
                    offset = int(message.offset() or 0)
                    if offset > self._next[place]:
                        self._note_lost(place, offset)
                    rows.append(_row(place, offset, message))
                    until[place] = self._next[place] = offset + 1
                elif error.fatal():
                    raise BrokerError(_said(error))
        return Batch(table(rows), until) if rows else None

    def ends(self) -> dict[Slice, int]:
        """The offset after the last message of each partition."""
        return {place: high for place, (_, high) in self._marks().items()}

    def lag(self, positions: Positions) -> dict[Slice, int] | None:
        """How many messages of each partition are beyond the positions; None if nobody answers."""
        try:
            return {p: max(0, end - positions.get(p, 0)) for p, end in self.ends().items()}
        except BrokerError:
            return None

    def publish(self, positions: Positions) -> None:
        """Tell the group how far the tables are: tools then show the lag."""
        offsets = [TopicPartition(*place, offset) for place, offset in positions.items()]
        mine = [one for one in offsets if one.topic == self._topic]
        if mine:
            self._consumer.commit(offsets=mine, asynchronous=True)

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _assign(self, positions: Positions) -> None:
        """Read all partitions that there are, each from its position."""
        places = self._places()
        if set(places) <= set(self._next):
            return
        is_first = not any(topic == self._topic for topic, _ in positions)
        begins = self._begins(places) if is_first and not self._next else {}
        for place in places:
            self._next.setdefault(place, positions.get(place, begins.get(place, 0)))
        self._look_for_lost(positions)
        self._consumer.assign([TopicPartition(*p, offset) for p, offset in self._next.items()])

    def _look_for_lost(self, positions: Positions) -> None:
        for place, (low, high) in self._marks().items():
            wanted = self._next[place]
            if wanted > high:
                message = f"expected {place[0]}/{place[1]} to reach offset {wanted}, found {high}"
                raise BrokerError(f"{message}: the topic was made anew; give the new one a name")
            if wanted < low:
                # Of a topic that is read for the first time nothing is missed.
                if place in positions:
                    self.lost.append(Lost(place, wanted, low))
                self._next[place] = low

    def _note_lost(self, place: Slice, offset: int) -> None:
        """Retention was faster than we are; other gaps are markers of transactions."""
        low, _ = self._mark(place)
        if low > self._next[place]:
            self.lost.append(Lost(place, self._next[place], min(low, offset)))

    def _places(self) -> list[Slice]:
        try:
            found = self._consumer.list_topics(self._topic, timeout=_ANSWER_SECONDS)
        except KafkaException as error:
            if self._next:
                return list(self._next)
            raise BrokerError(_said(error.args[0])) from None
        partitions = found.topics[self._topic].partitions
        if not partitions:
            message = f"expected the topic {self._topic} on the broker, found none"
            raise BrokerError(f"{message}: create it or set KAFKA_TOPIC_EVENTS_RAW")
        return [(self._topic, number) for number in sorted(partitions)]

    def _marks(self) -> dict[Slice, tuple[int, int]]:
        return {place: self._mark(place) for place in self._next}

    def _mark(self, place: Slice) -> tuple[int, int]:
        """The first offset of a partition, and the one after the last.

        A partition that was just made has no leader for a moment: it is asked again.
        """
        try:
            found = _PATIENTLY(
                self._consumer.get_watermark_offsets, TopicPartition(*place), _ANSWER_SECONDS
            )
        except KafkaException as error:
            raise BrokerError(_said(error.args[0])) from None
        return int(found[0]), int(found[1])

    def _begins(self, places: list[Slice]) -> dict[Slice, int]:
        """Where a first run begins."""
        if self._start == EARLIEST:
            return {}
        ends = {place: self._mark(place)[1] for place in places}
        if self._start == LATEST:
            return ends
        since = int(datetime.fromisoformat(self._start).timestamp() * 1000)
        asked = [TopicPartition(*place, since) for place in places]
        found = self._consumer.offsets_for_times(asked, _ANSWER_SECONDS)
        begins = {(one.topic, one.partition): one.offset for one in found}
        # Beyond the last message there is no offset for a time.
        return {place: at if at >= 0 else ends[place] for place, at in begins.items()}


def _row(place: Slice, offset: int, message: Message) -> tuple[object, ...]:
    kind, milliseconds = message.timestamp()
    return row(
        place,
        offset,
        message.value(),
        key=message.key(),
        timestamp=datetime.fromtimestamp(milliseconds / 1000, UTC) if kind else None,
        headers=cast("Headers", message.headers() or ()),
    )


def _said(error: KafkaError) -> str:
    return f"expected a broker that answers, found: {error.str()}"

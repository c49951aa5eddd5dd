"""The hand-written fixtures: raw events through the transforms must give the expected tables."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.errors import LyceumError
from lyceum.runs.reporter import Reporter
from lyceum.systems.stream.bronze import LEARNER_EVENTS_RAW
from lyceum.systems.stream.gold.mastery_deltas import SKILL, mastery_deltas
from lyceum.systems.stream.gold.minute_metrics import minute_metrics
from lyceum.systems.stream.gold.session_metrics import session_metrics
from lyceum.systems.stream.silver import event_records, learner_events
from pocketlake import Lake

_FOLDER = files("lyceum.systems.stream") / "fixtures"
_IN_PAYLOAD = ("correct", "score", "duration_ms", "mastery")
_RECEIVED = datetime(2026, 3, 5, tzinfo=UTC)


class FixtureError(LyceumError):
    """The transforms do not give what the fixtures expect."""


def validate(lake: Lake, reporter: Reporter) -> None:
    """Compute the fixtures and compare; raises FixtureError with the rows that differ shown."""
    found = _computed(lake)
    differing = 0
    for name, rows in found.items():
        expected = _expected(lake.spark, name, rows)
        ours = rows.select(*expected.columns)
        missing = [("expected", *row) for row in expected.exceptAll(ours).collect()]
        surplus = [("found", *row) for row in ours.exceptAll(expected).collect()]
        if missing or surplus:
            reporter.table(f"{name}: differs", ["", *expected.columns], missing + surplus)
            differing += 1
    reporter.table(
        "Fixtures", ["table", "rows"], [(name, rows.count()) for name, rows in found.items()]
    )
    if differing:
        message = f"expected the rows of the fixtures, found others in {differing} of {len(found)}"
        raise FixtureError(f"{message} tables: they are listed above")


def _computed(lake: Lake) -> dict[str, DataFrame]:
    messages = lake.rows(LEARNER_EVENTS_RAW, _messages())
    events = learner_events(event_records(messages))
    none = lake.spark.createDataFrame([], ", ".join(f"{c} STRING" for c in (*SKILL, "mastery")))
    return {
        "minute_metrics": minute_metrics(events),
        "session_metrics": session_metrics(events),
        "mastery_deltas": mastery_deltas(events, earlier=none),
    }


def _messages() -> Iterator[dict[str, object]]:
    """The raw events as messages of a broker: one a line, at the offsets from 0 on."""
    for offset, row in enumerate(_lines("raw_events")):
        event: dict[str, object] = {
            name: text for name, text in row.items() if text and name not in _IN_PAYLOAD
        }
        event["payload"] = {name: json.loads(row[name]) for name in _IN_PAYLOAD if row[name]}
        yield {
            "topic": "fixtures",
            "partition": 0,
            "offset": offset,
            "value": json.dumps(event),
            "ingested_at": _RECEIVED,
        }


def _expected(spark: SparkSession, name: str, like: DataFrame) -> DataFrame:
    """The expected rows in the types of the computed ones; an empty cell is NULL."""
    lines = list(_lines(name))
    types = {field.name: field.dataType for field in like.schema}
    rows = [tuple(text or None for text in line.values()) for line in lines]
    texts = spark.createDataFrame(rows, ", ".join(f"{column} STRING" for column in lines[0]))
    return texts.select(*(F.col(column).cast(types[column]) for column in texts.columns))


def _lines(name: str) -> Iterator[dict[str, str]]:
    text = (_FOLDER / f"test_{name}.csv").read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())

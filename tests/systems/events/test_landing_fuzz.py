"""No line of a delivered file vanishes, whatever is in it: rows accepted and lines quarantined."""

import codecs
import io
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from events_world import deliver
from hostile_lines import LINES, hostile_lines, physical_lines, with_ends
from pyspark.sql import functions as F

from lyceum.files.lines import records
from lyceum.quality.quarantine import open_records
from lyceum.systems.events.bronze import LANDING_TABLES
from lyceum.systems.events.job import run
from lyceum.systems.events.source import EVENTS, Folders, deliveries, prepare, read_rows

pytestmark = pytest.mark.soak
ACCEPTED = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "event_id,event_name,event_date,brand_id"


def delivered(seed, encoding, delimiter):
    """A file of hostile lines below a header, as bytes and as its lines of text."""
    lines = [HEADER, *hostile_lines(seed, LINES // 4)]
    text = with_ends([line.replace(",", delimiter) for line in lines], seed)
    if encoding.startswith("utf-16"):
        text = text.replace("\udce9", "é")
        return codecs.BOM_UTF16_LE + text.encode("utf-16-le"), physical_lines(text)
    return text.encode(encoding, "surrogateescape"), physical_lines(text)


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", ","), ("utf-8", ";"), ("utf-8", "\t"), ("utf-16", "|")]
)
def test_no_line_of_a_delimited_file_vanishes(encoding, delimiter):
    data, physical = delivered(7, encoding, delimiter)
    rows = read_rows(EVENTS, data)
    expected = list(
        records(io.StringIO("\n".join(physical[1:])), width=4, delimiter=delimiter, first=2)
    )
    assert rows.numbers.to_pylist() == [r.number for r in expected if r.cells]
    assert rows.malformed == [(r.number, r.text) for r in expected if not r.cells]
    assert min(len(rows.numbers), len(rows.malformed)) > len(physical) / 10
    kept = {line for r in expected for line in range(r.number, r.number + r.lines)}
    assert {n for n, line in enumerate(physical, 1) if line.strip(" ")} == kept | {1}


GOOD = '{"event_id":"E0","event_name":"good"}'
SHAPES = (
    '{"event_id":"E1"}',
    '{"event_id":"\\u0000"}',
    '{"event_id":"E\\ud800"}',
    '{"event_id":"E\\udc00\\ud800"}',
    '{"event_id":"E\\ud83d\\ude80"}',
    '{"\\ud800":1,"event_id":"E1"}',
    '{"event_id":"E1","x":{"y":["\\udfff"]}}',
    '{"event_id":"E1","event_id":"E2"}',
    '{"event_id":"E1","x":{"a":1,"a":2}}',
    '{"event_id":"E1","EVENT ID":"E2"}',
    '{"event_id":"E1","x":1,"X":2,"":3,"-":4}',
    '{"event_id":1e400,"event_name":-0,"event_date":1E-9999,"brand_id":' + "9" * 5_000 + "}",
    '{"event_id":NaN,"event_name":Infinity,"event_date":-Infinity}',
    '{"event_id":{"a":[1]},"event_name":[],"brand_id":{}}',
    '{"event_id":' + "[" * 100_000 + "]" * 100_000 + "}",
    '{"event_id":' + "[" * 500 + "]" * 500 + "}",
    '{"a":' * 2_000 + "1" + "}" * 2_000,
    '{"event_id":"E1"',
    '{"event_id":"E1"}}',
    '{"event_id":"E1"} {"event_id":"E2"}',
    '{"event_id":"E1",}',
    '{"event_id":"E1" "event_name":"x"}',
    '{"event_id":"a\tb"}',
    '{"event_id":"\x7f\x85\u2028"}',
    "{'event_id':'E1'}",
    '{event_id:"E1"}',
    '{"event_id":"E1"}//comment',
    '{"event_id":01}',
    '{"event_id":+1}',
    '{"event_id":.5}',
    '{"event_id":1.}',
    '{"event_id":0x1}',
    '{"event_id":tru}',
    '{"event_id":"\\x41"}',
    '{"event_id":"\\u12"}',
    '\ufeff{"event_id":"E1"}',
    '{"event_id":"E\udce9"}',
    "{}",
    "[]",
    "null",
    '"E1"',
    "1",
    "{",
    '{"event_id":"' + "long" * 100_000 + '"}',
    '{"' + "k" * 100_000 + '":1,"event_id":"E1"}',
)


def prepared(tmp_path, data, name="events/file"):
    """The rows of one delivered file as they are read back from what it was prepared into."""
    path = tmp_path / "landing" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    found = deliveries(path.parents[1], quiet=0)
    assert [p.problem for p in prepare(found, Folders(tmp_path), ingested_at=ACCEPTED)] == [None]
    [file] = Folders(tmp_path).prepared(EVENTS).iterdir()
    return pq.read_table(file).to_pylist()


@pytest.mark.parametrize("seed", range(3))
def test_no_line_of_json_vanishes(tmp_path, seed):
    """Shapes that parsers stumble over, whole or damaged, between good lines."""
    chance = Random(seed)
    lines = [GOOD, *SHAPES]
    while len(lines) < LINES // 20:
        line = chance.choice(SHAPES[:13])
        at = chance.randrange(len(line))
        damage = chance.choice(('"', "{", "}", "\\", "\udcff", "\x00", ",", ""))
        lines += [line[:at] + damage + line[at + chance.randrange(3) :], GOOD]
    text = with_ends(lines, seed)
    rows = prepared(tmp_path, codecs.BOM_UTF8 + text.encode(errors="surrogateescape"))

    good = {n for n, line in enumerate(lines, 1) if line == GOOD}
    accepted = {row["_row_number"]: row for row in rows if row["_problem"] is None}
    malformed = {row["_row_number"] for row in rows if row["_problem"] is not None}
    assert sorted(row["_row_number"] for row in rows) == [*range(1, len(lines) + 1)]
    assert {accepted[n]["event_name"] for n in good} == {"good"}
    assert malformed.isdisjoint(good)
    assert len(accepted) > len(good)


def test_what_json_is_taken_for(tmp_path):
    """Strict where text would be lost, lenient where it is kept."""
    rows = prepared(tmp_path, "\n".join(SHAPES).encode(errors="surrogateescape"))
    taken = {SHAPES[r["_row_number"] - 1]: r for r in rows if r["_problem"] is None}
    assert taken['{"event_id":"\\u0000"}']["event_id"] == "\x00"
    assert taken['{"event_id":"E\\ud83d\\ude80"}']["event_id"] == "E🚀"
    assert taken[SHAPES[11]]["event_id"] == "1e400"
    assert taken[SHAPES[11]]["brand_id"] == "9" * 5_000
    assert taken[SHAPES[13]]["event_id"] is None
    assert '"event_id_nested": "{\\"a\\": [\\"1\\"]}"' in taken[SHAPES[13]]["_rescued"]
    undecided = [line for line in SHAPES if line not in taken]
    assert '{"event_id":"E\\ud800"}' in undecided
    assert '{"event_id":"E1","event_id":"E2"}' in undecided
    assert '{"event_id":"E1","x":{"a":1,"a":2}}' in undecided


ODD_TYPES = {
    "bool": pa.array([True, None]),
    "uint64": pa.array([2**64 - 1, 0], pa.uint64()),
    "half": pa.array([1.5, None], pa.float16()),
    "double": pa.array([float("nan"), 1e300]),
    "decimal": pa.array([Decimal("1.50"), None], pa.decimal256(60, 2)),
    "binary": pa.array([b"\xff\x00", b"E1"]),
    "fixed": pa.array([b"\xe9\xe9", b"ab"], pa.binary(2)),
    "large": pa.array(["E1", None], pa.large_string()),
    "view": pa.array(["E1", None], pa.string_view()),
    "date": pa.array([-1_000_000, 2_000_000_000], pa.int32()).cast(pa.date32()),
    "time": pa.array([1, None], pa.time64("us")),
    "instant": pa.array([2**62, -(2**62)], pa.timestamp("us", tz="UTC")),
    "nanos": pa.array([1, None], pa.timestamp("ns", tz="Europe/Berlin")),
    "duration": pa.array([1, 2**62], pa.duration("s")),
    "null": pa.nulls(2),
    "list": pa.array([[1, None], None]),
    "struct": pa.array([{"a": b"\xff"}, {"a": None}]),
    "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    "dictionary": pa.array(["E1", None]).dictionary_encode(),
    "numbers": pa.array([1, 2]).dictionary_encode(),
}


@pytest.mark.parametrize("kind", ODD_TYPES)
@pytest.mark.parametrize("column", ["event_id", "venue"])
def test_parquet_of_any_type_is_text_row_by_row(tmp_path, kind, column):
    """In a declared column and in one that is rescued."""
    sink, values = io.BytesIO(), ODD_TYPES[kind]
    pq.write_table(pa.table({"event_id": ["1", "2"]} | {column: values}), sink)
    rows = prepared(tmp_path, sink.getvalue())
    assert [row["_row_number"] for row in rows] == [1, 2]
    assert [row["_problem"] for row in rows] == [None, None]
    kept = column if column == "event_id" and not pa.types.is_nested(values.type) else "_rescued"
    lost = [r for r, v in zip(rows, values, strict=True) if v.is_valid and not r[kept]]
    assert lost == []


def test_lines_in_are_rows_in_bronze_and_records_in_quarantine(lake):
    """Through the whole pipeline, NUL and all; one bad file stops no other."""
    csv_data, csv_lines = delivered(3, "utf-8", ",")
    delivery = {
        "events/hostile.csv": csv_data,
        "events/shapes.jsonl": "\n".join([GOOD, *SHAPES]).encode(errors="surrogateescape"),
        "events/empty.csv": b"",
        "events/binary": bytes(range(256)),
        "brands/good.csv": b"brand_id,brand_name\nB1,x\n",
    }
    run(deliver(lake, delivery))
    bronze = lake.read(LANDING_TABLES["events"])
    is_row = F.col("_problem").isNull()
    counts = {
        r._source_file: (r.accepted, r.malformed)
        for r in bronze.where("_row_number > 0")
        .groupBy("_source_file")
        .agg(F.count_if(is_row).alias("accepted"), F.count_if(~is_row).alias("malformed"))
        .collect()
    }
    lines = sum(1 for line in csv_lines[1:] if line.strip(" "))
    joined = sum(r.lines - 1 for r in records(csv_lines[1:], width=4))
    assert sum(counts["hostile.csv"]) == lines - joined
    assert sum(counts["shapes.jsonl"]) == len(SHAPES) + 1
    kept = open_records(lake, "events").groupBy("source_key", "rule").count().collect()
    quarantined = {(r.source_key, r.rule): r["count"] for r in kept}
    for name, (_, malformed) in counts.items():
        assert quarantined[f"events/{name}", "malformed_row"] == malformed
    for name in ("empty.csv", "binary"):
        assert quarantined[f"events/{name}", "unreadable_file"] == 1
    keyless = bronze.where(is_row & F.trim(F.coalesce("event_id", F.lit(""))).eqNullSafe(""))
    assert sum(n for (_, rule), n in quarantined.items() if rule == "row_without_id") >= (
        keyless.count()
    )

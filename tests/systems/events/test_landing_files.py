"""Delivered files of every shape become the same rows of text."""

import codecs
import csv
import gzip
import io
import json
import os
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.systems.events.silver.mdm import chain_ends
from lyceum.systems.events.source import (
    BRANDS,
    EVENTS,
    PARTICIPANTS,
    Folders,
    LandingFolderError,
    UnreadableFileError,
    deliveries,
    prepare,
    read_rows,
)
from lyceum.systems.events.source.prepare import source_name

CSV = "brand_id,brand_name\nB1,Café\nB2,Zoë\n"
CAFE = [{"brand_id": "B1", "brand_name": "Café"}, {"brand_id": "B2", "brand_name": "Zoë"}]
ACCEPTED = datetime(2026, 1, 1, tzinfo=UTC)


def found(entity, data):
    """The rows as dictionaries, with what was rescued, without what is NULL."""
    rows = read_rows(entity, data)
    columns = dict(rows.columns)
    if rows.rescued is not None:
        columns["_rescued"] = rows.rescued
    records = pa.table(columns).to_pylist()
    return [{k: v for k, v in record.items() if v is not None} for record in records]


def parquet(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        CSV.encode(),
        codecs.BOM_UTF8 + CSV.encode(),
        CSV.encode("utf-16"),
        CSV.encode("utf-16-le"),
        CSV.encode("utf-16-be"),
        CSV.encode("cp1252"),
        gzip.compress(CSV.encode(), mtime=0),
        gzip.compress(CSV.encode("utf-16"), mtime=0),
        CSV.replace("\n", "\r\n").encode(),
        CSV.replace("\n", "\r").encode(),
        ("\n\n" + CSV.replace("\n", "\n\n")).encode(),
        CSV.rstrip().encode(),
        CSV.replace(",", ";").encode(),
        CSV.replace(",", "\t").encode(),
        CSV.replace(",", "|").encode(),
        CSV.replace("brand_id,brand_name", "Brand ID,BRAND-NAME").encode(),
        CSV.replace("brand_id", '"brand_id"').replace("B1", '"B1"').encode(),
        b'brand_name,brand_id\nCaf\xc3\xa9,B1\n"Zo\xc3\xab","B2"\n',
        b'{"brand_id": "B1", "brand_name": "Caf\\u00e9"}\n\n{"Brand_Name":"Zo\xc3\xab","BRAND_ID":"B2"}',
        codecs.BOM_UTF8 + b'{"brand_id":"B1","brand_name":"Caf\xc3\xa9"}\n'
        b'{"brand_id":"B2","brand_name":"Zo\xc3\xab"}\n',
        '{"brand_id":"B1","brand_name":"Café"}\n{"brand_id":"B2","brand_name":"Zoë"}\n'.encode(
            "utf-16"
        ),
        parquet(brand_name=["Café", "Zoë"], Brand_Id=["B1", "B2"]),
        gzip.compress(parquet(brand_id=["B1", "B2"], brand_name=["Café", "Zoë"]), mtime=0),
    ],
)
def test_every_encoding_compression_delimiter_and_format_gives_the_same_rows(data):
    assert found(BRANDS, data) == CAFE


def test_quotes_hold_delimiters_line_breaks_and_quotes():
    data = b'event_id,event_name\nE1,"a, ""b""\nand c"\nE2,"x;y"\n'
    assert found(EVENTS, data) == [
        {"event_id": "E1", "event_name": 'a, "b"\nand c'},
        {"event_id": "E2", "event_name": "x;y"},
    ]


def test_missing_columns_are_null_and_new_ones_are_rescued():
    data = b"venue,brand_id,Room No\nParis,B1,7\n,B2,\n"
    assert found(BRANDS, data) == [
        {"brand_id": "B1", "_rescued": '{"venue": "Paris", "room_no": "7"}'},
        {"brand_id": "B2"},
    ]
    line = b'{"brand_id":"B1","brand_name":{"en":"x"},"tags":["a"],"n":1.50,"big":12345678901234567890}'
    assert json.loads(found(BRANDS, line)[0]["_rescued"]) == {
        "brand_name_nested": '{"en": "x"}',
        "tags": '["a"]',
        "n": "1.50",
        "big": "12345678901234567890",
    }


def test_values_of_every_type_keep_their_text():
    data = parquet(
        event_id=pa.array([1, 2]),
        event_name=pa.array([1.0, 2.5]),
        event_date=pa.array([date(2026, 1, 31), None]),
        oasis_modified_date=pa.array([1769851800000000, None], pa.timestamp("us")),
        brand_id=pa.array(["B1", None]).dictionary_encode(),
    )
    assert found(EVENTS, data) == [
        {
            "event_id": "1",
            "event_name": "1",
            "event_date": "2026-01-31",
            "oasis_modified_date": "2026-01-31 09:30:00.000000",
            "brand_id": "B1",
        },
        {"event_id": "2", "event_name": "2.5"},
    ]
    attended = '{"participant_id":7,"attended":true}\n{"participant_id":"8","attended":null}'
    assert found(PARTICIPANTS, attended.encode()) == [
        {"participant_id": "7", "attended": "true"},
        {"participant_id": "8"},
    ]


@pytest.mark.parametrize(
    ("data", "good", "malformed"),
    [
        ("brand_id,brand_name\nB1,a\nB2\nB3,c,x\nB4,d\n", ["B1", "B4"], [(3, "B2"), (4, "B3,c,x")]),
        ('\nbrand_id,brand_name\nB1,"a"\nB2\nB3,c\n', ["B1", "B3"], [(4, "B2")]),
        ('brand_id,brand_name\nB1,a\nB2,"never closed\nB3,c\n', ["B1", "B3"], [(3, 'B2,"never closed')]),
        # Two lines with an open quote take no good row between them along.
        ('brand_id,brand_name\nB1,"a\nB2,b\nB3,"c\n', ["B2"], [(2, 'B1,"a'), (4, 'B3,"c')]),
        ('brand_id,brand_name\nB1,19" a\nB2,b\nB3,20" c\n', ["B1", "B2", "B3"], []),
        ("brand_id,brand_name\nB1,a\r\nB2,b\rB3\r\n", ["B1", "B2"], [(4, "B3")]),
        (b"brand_id,brand_name\nB1,Caf\xc3\xa9\nB2,caf\xe9\nB3,Zo\xc3\xab\n", ["B1", "B3"], [(3, "B2,caf\\xe9")]),
        (codecs.BOM_UTF8 + b"brand_id,brand_name\nB1,a\nB2,caf\xe9\n", ["B1"], [(3, "B2,caf\\xe9")]),
        ("brand_id,brand_name\nB1,a\nB2,b\n".encode("utf-16-le")[:-1], ["B1"], [(3, "B2,b\\x0a")]),
        ("brand_id,brand_name\nB1,a\nB2,b\x00\n", ["B1", "B2"], []),
        ('{"brand_id":"B1"}\nnot json\n\n[1]\n{"brand_id":"B4"}', ["B1", "B4"], [(2, "not json"), (4, "[1]")]),
        ('{"brand_id":"B1","brand_id":"B2"}\n{"brand_id":"B3","Brand-Id":1}\r\n{"brand_id":"B4"}', ["B4"],
         [(1, '{"brand_id":"B1","brand_id":"B2"}'), (2, '{"brand_id":"B3","Brand-Id":1}')]),
        ('{"brand_id":"B1\\ud800"}\n{"brand_id":"B2"}\n{"brand_id":"B3","x":{"y":["\\uDC00"]}}', ["B2"],
         [(1, '{"brand_id":"B1\\ud800"}'), (3, '{"brand_id":"B3","x":{"y":["\\uDC00"]}}')]),
    ],
)  # fmt: skip
def test_a_malformed_line_is_kept_apart_with_its_number_and_text(data, good, malformed):
    rows = read_rows(BRANDS, data.encode() if isinstance(data, str) else data)
    assert [text.strip("\0") for text in rows.columns["brand_id"].to_pylist()] == good
    assert rows.malformed == malformed
    assert not rows.is_guess
    assert {*rows.numbers.to_pylist()}.isdisjoint({n for n, _ in malformed})


@pytest.mark.parametrize(
    ("data", "is_guess"),
    [
        (CSV.encode("cp1252"), True),
        (CSV.encode("utf-16-le"), False),
        (CSV.encode(), False),
        (CSV.encode().replace(b"\xab", b""), False),
        (b"brand_id,brand_name\nB1,caf\xe9\n", True),
    ],
)
def test_windows_1252_is_a_guess_and_said_so(data, is_guess):
    """One odd byte among characters that only UTF-8 has is damage, not another encoding."""
    assert read_rows(BRANDS, data).is_guess is is_guess


def test_columns_without_a_name_or_with_the_same_one_keep_their_cells():
    data = b"brand_id,,Note,note,\nB1,a,b,c,d\n"
    assert json.loads(found(BRANDS, data)[0]["_rescued"]) == {
        "column_2": "a",
        "note": "b",
        "note_2": "c",
        "column_5": "d",
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "found an empty file"),
        (b" \n\n", "found an empty file"),
        (gzip.compress(CSV.encode() * 99, mtime=0)[:-9], "expected a whole gzip file"),
        (parquet(brand_id=["B1"])[:-20], "expected a whole Parquet file"),
        (bytes(range(256)) * 9, r"expected a header with the column brand_id, found \\x00\\x01"),
        (b"name\nx\n", "expected a header with the column brand_id, found name"),
        (b"B1,a\nB2,b\n", "expected a header with the column brand_id, found B1, a"),
        (b"brand_id,Brand-ID\n1,2\n", "found brand_id more than once"),
        (b'{"name":"x"}\n', "expected JSON objects with the field brand_id"),
        (parquet(name=["B1"]), "expected a header with the column brand_id"),
    ],
)
def test_a_file_without_usable_rows_is_refused_with_its_reason(data, reason):
    with pytest.raises(UnreadableFileError, match=reason):
        read_rows(BRANDS, data)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(cells, cells), max_size=8), st.sampled_from(",;|\t"))
def test_what_the_csv_module_writes_is_read_back(records, separator):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerows([("brand_id", "brand_name"), *records])
    rows = read_rows(BRANDS, codecs.BOM_UTF8 + text.getvalue().encode())
    read = zip(*(rows.columns[name].to_pylist() for name in BRANDS.columns), strict=True)
    assert [*read] == records
    assert rows.numbers.to_pylist() == [*range(2, len(records) + 2)]


def dropped(landing, name, data=None, age=3600.0):
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CSV.encode() if data is None else data)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def outcome(landing, folders):
    prepared = prepare(deliveries(landing), folders, ingested_at=ACCEPTED)
    return [(p.name, p.rows, p.malformed, p.problem is not None) for p in prepared]


def test_a_delivery_is_prepared_once_by_name_and_time(tmp_path):
    landing, folders = tmp_path / "landing", Folders(tmp_path)
    path = dropped(landing, "brands/a.csv")
    assert outcome(landing, folders) == [("a.csv", 2, 0, False)]
    assert outcome(landing, folders) == []
    os.utime(path, (time.time() - 60, time.time() - 60))
    assert outcome(landing, folders) == [("a.csv", 2, 0, False)]
    prepared = sorted(folders.prepared(BRANDS).iterdir())
    assert [source_name(file) for file in prepared] == ["a.csv", "a.csv"]
    rows = pq.read_table(prepared[0]).to_pylist()
    assert [(row["_row_number"], row["_ingested_at"]) for row in rows] == [
        (2, ACCEPTED),
        (3, ACCEPTED),
    ]
    assert path.exists(), "what could be read stays where it was delivered"


def test_a_prepared_file_whose_copying_broke_off_is_prepared_again(tmp_path):
    landing, folders = tmp_path / "landing", Folders(tmp_path)
    dropped(landing, "brands/a.csv")
    assert outcome(landing, folders) == [("a.csv", 2, 0, False)]
    [prepared] = folders.prepared(BRANDS).iterdir()
    whole = prepared.read_bytes()
    for length in (0, 4, len(whole) - 1):
        prepared.write_bytes(whole[:length])
        assert outcome(landing, folders) == [("a.csv", 2, 0, False)]
        assert prepared.read_bytes() == whole
    assert outcome(landing, folders) == []


def test_an_unreadable_file_is_moved_to_quarantine_with_its_reason(tmp_path):
    landing, folders = tmp_path / "landing", Folders(tmp_path)
    path = dropped(landing, "brands/bad.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-4])
    delivered = path.stat()
    assert outcome(landing, folders) == [("bad.csv.gz", 0, 0, True)]
    assert not path.exists()
    [kept] = folders.quarantine(BRANDS).iterdir()
    assert kept.name.endswith("-bad.csv.gz")
    [prepared] = folders.prepared(BRANDS).iterdir()
    [row] = pq.read_table(prepared).to_pylist()
    assert row["_row_number"] == 0
    assert row["_problem"].startswith("expected a whole gzip file")
    kept.rename(path)
    os.utime(path, ns=(delivered.st_atime_ns, delivered.st_mtime_ns))
    assert outcome(landing, folders) == [], "killed before it was moved: it is moved now"
    assert not path.exists()


def test_one_file_that_is_gone_or_odd_stops_no_other(tmp_path):
    """Gone since it was listed; names that are not UTF-8 or look like a time; a folder."""
    landing, folders = tmp_path / "landing", Folders(tmp_path)
    odd = os.fsdecode(b"brands/caf\xe9.csv")
    for name in ("brands/10:30.csv", odd, "brands/%20 #*.csv", "brands/gone.csv"):
        dropped(landing, name)
    (landing / "brands" / "folder.csv").mkdir()
    (landing / "brands" / "link.csv").symlink_to(tmp_path / "nowhere")
    found = deliveries(landing)
    (landing / "brands" / "gone.csv").unlink()
    prepared = {p.name: p for p in prepare(found, folders, ingested_at=ACCEPTED)}
    assert {name: p.rows for name, p in prepared.items()} == {
        "10:30.csv": 2,
        "caf\\xe9.csv": 2,
        "%20 #*.csv": 2,
        "gone.csv": 0,
    }
    assert prepared["gone.csv"].problem == (
        "expected a file that can be read, found one that cannot: No such file or directory"
    )
    sources = {source_name(file) for file in folders.prepared(BRANDS).iterdir()}
    assert sources == set(prepared)
    assert outcome(landing, folders) == []


def test_files_under_way_wait(tmp_path):
    landing = tmp_path / "landing"
    for name in ("brands/.hidden.csv", "brands/_tmp/a.csv", "brands/a.csv.part", "else/a.csv"):
        dropped(landing, name)
    dropped(landing, "brands/sub/done.csv")
    young = dropped(landing, "brands/young.csv", age=0)
    names = [d.name for d in deliveries(landing, quiet=0.3)]
    assert names == ["sub/done.csv", "young.csv"]
    young.write_bytes(CSV.encode() * 2)
    real = time.sleep
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda s: (real(s), young.write_bytes(b"longer" * 99)))
        assert [d.name for d in deliveries(landing, quiet=0.3)] == ["sub/done.csv"]


def test_a_landing_folder_that_is_not_there_is_said():
    with pytest.raises(LandingFolderError, match="expected a folder of deliveries, found none at"):
        deliveries(Path("/nowhere/landing"))


ids = st.sampled_from([f"M{i}" for i in range(12)])


def union_find(links):
    """Plain union-find: every id points at its representative; a component without end has none."""
    parent = {}

    def find(x):
        while parent.get(x, x) != x:
            x = parent[x]
        return x

    circular = set()
    for a, b in links.items():
        root_a, root_b = find(a), find(b)
        if root_a == root_b:
            circular.add(root_a)
        else:
            parent[root_a] = root_b
            if root_a in circular:
                circular.add(root_b)
    return {a: None if find(a) in circular else find(a) for a in links}


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(ids, ids).map(lambda d: {a: b for a, b in d.items() if a != b}))
def test_chains_end_where_union_find_says(links):
    """Each id has one link at most, so a component has one end, or one circle and no end."""
    assert chain_ends(links) == union_find(links)


def test_a_chain_of_any_length_ends():
    links = {f"M{i}": f"M{i + 1}" for i in range(100_000)}
    assert set(chain_ends(links).values()) == {"M100000"}

"""The sample of inbound event files: one world, however it arrives."""

import csv
import gzip
import json

import pyarrow.parquet as pq
import pytest

from lyceum.cli import main
from lyceum_lab.lms.rates import RateError
from lyceum_lab.samples import SampleConfig, SampleError, write_sample
from lyceum_lab.samples.dirt import BAD_PREFIX
from lyceum_lab.samples.formats import FORMATS
from lyceum_lab.samples.words import REGIONS

BY_SUFFIX = {region.name: FORMATS[region.format] for region in REGIONS} | {
    "all": FORMATS["comma"],
    "old": FORMATS["plain"],
}
SPREAD = SampleConfig(seed=3, rows=900, deliveries=5, share=0.15)
TRUE = {"Y", "1", "yes", "TRUE", "true", "True"}


def rows_of(dropped):
    """The rows of a readable file, its columns in lower case, gaps as None."""
    path, form = dropped.path, BY_SUFFIX[dropped.path.name.split(".")[0].split("_")[2]]
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
        return [{k: None if v is None else str(v) for k, v in row.items()} for row in rows]
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    if "jsonl" in path.name:
        rows = [json.loads(line) for line in content.decode().splitlines()]
        return [{k: None if v is None else str(v) for k, v in row.items()} for row in rows]
    if dropped.entity == "indications":
        form = FORMATS["windows"]
    lines = content.decode(form.encoding).splitlines(keepends=True)
    header, *cells = csv.reader(lines, delimiter=form.delimiter)
    names = [name.lower() for name in header]
    return [dict(zip(names, [c or None for c in row], strict=True)) for row in cells]


def latest(dropped, entity, key, modified):
    """The latest version of every row of an entity."""
    found = {}
    for row in (row for d in dropped if d.entity == entity for row in rows_of(d)):
        row[modified] = row[modified].replace("T", " ").removesuffix("Z")
        if row.get("attended"):
            row["attended"] = row["attended"] in TRUE
        if row[key] not in found or found[row[key]][modified] < row[modified]:
            found[row[key]] = row
    return found


def test_many_deliveries_come_to_the_same_world_as_one(tmp_path):
    spread = write_sample(SPREAD, tmp_path / "spread")
    clean = write_sample(SPREAD.clean, tmp_path / "clean")
    for key in (
        ("events", "event_id", "oasis_modified_date"),
        ("participants", "participant_id", "modified_date"),
    ):
        assert latest(spread, *key) == latest(clean, *key)
        assert sum(d.rows for d in spread if d.entity == key[0]) > len(latest(clean, *key))
    assert {d.delivery for d in spread} == {1, 2, 3, 4, 5}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    dirty = SampleConfig(rows=300, deliveries=3, dirt="0.3")
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        write_sample(SampleConfig(**{**vars(dirty), "seed": seed}), folder)
    one, two, three = ({f.relative_to(d): f.read_bytes() for f in d.rglob("*.*")} for d in folders)
    assert one == two
    assert one != three


def test_a_single_delivery_is_what_all_of_them_hold_of_it(tmp_path):
    write_sample(SPREAD, tmp_path / "all")
    (dropped, *_) = write_sample(SPREAD, tmp_path / "one", deliveries=(4,))
    assert dropped.delivery == 4
    assert (
        dropped.path.read_bytes()
        == (tmp_path / "all" / dropped.entity / dropped.path.name).read_bytes()
    )
    with pytest.raises(SampleError, match="expected a delivery from 1 to 5, found 6"):
        write_sample(SPREAD, tmp_path, deliveries=(6,))


def test_every_format_and_encoding_arrives_with_its_marks(tmp_path):
    dropped = {d.path.name: d.path for d in write_sample(SampleConfig(rows=600), tmp_path)}
    starts = {
        "events_20260302_us.csv.gz": b"\x1f\x8b",
        "events_20260302_mena.csv": b"\xff\xfe",
        "events_20260302_apac.csv": b"\xef\xbb\xbfevent_id|event_name",
        "events_20260302_eu.csv": b"EVENT_ID;EVENT_NAME",
        "events_20260302_japan.jsonl.gz": b"\x1f\x8b",
        "events_20260302_hq.parquet": b"PAR1",
    }
    for name, start in starts.items():
        assert dropped[name].read_bytes().startswith(start), name
    western = dropped["events_20260302_eu.csv"].read_bytes()
    assert "„Herz“".encode("cp1252") in western
    schema = pq.read_schema(dropped["participants_20260302_hq.parquet"])
    assert str(schema.field("attended").type) == "bool"
    assert str(schema.field("modified_date").type).startswith("timestamp")


def test_mdm_has_a_chain_of_seven_steps_and_a_circle(tmp_path):
    (mdm,) = [d for d in write_sample(SampleConfig(rows=900), tmp_path) if d.entity == "mdm"]
    step = {row["mdm_id"]: row["final_mdm_id"] for row in rows_of(mdm)}
    chain = ["M000000024"]
    while step.get(chain[-1], chain[-1]) != chain[-1]:
        chain.append(step[chain[-1]])
    assert chain[7] == "M000000031"
    assert [step[f"M00000004{n}"] for n in (0, 1, 2)] == [f"M00000004{n}" for n in (1, 2, 0)]


def test_dirt_adds_bad_rows_and_files_and_leaves_the_world_as_it_is(tmp_path):
    config = SampleConfig(
        rows=600,
        is_plain=True,
        dirt="bad_date=0.05,unknown_attended=0.05,unreadable_file=1,repeated_file=1",
    )
    dropped = write_sample(config, tmp_path / "dirty")
    broken = [d for d in dropped if "broken" in d.path.name]
    assert {d.entity for d in broken} == {"brands", "indications", "mdm", "events", "participants"}
    assert any("_again" in d.path.name for d in dropped)
    lines = (tmp_path / "dirty/participants/participants_20260302_eu.csv").read_text().splitlines()
    good = [line for line in lines if not line.startswith(BAD_PREFIX)]
    (eu,) = [d for d in dropped if d.path.name == "participants_20260302_eu.csv"]
    assert len(lines) - len(good) == eu.bad_rows > 0
    write_sample(config.clean, tmp_path / "clean")
    clean = (tmp_path / "clean/participants/participants_20260302_eu.csv").read_text()
    assert good == clean.splitlines()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rows": 0}, SampleError, "expected at least 1 row"),
        ({"deliveries": 12, "share": 0.1}, SampleError, "found 11 times 0.1"),
        ({"dirt": "mud=1"}, RateError, "Unknown dirt 'mud'"),
    ],
)
def test_an_impossible_sample_says_what_is_wrong(options, error, message):
    with pytest.raises(error, match=message):
        SampleConfig(**options)


def test_a_part_without_rows_has_no_file(tmp_path):
    """Sixty participants have three events, fewer than there are regions."""
    dropped = write_sample(SampleConfig(rows=60), tmp_path)
    assert sum(d.rows for d in dropped if d.entity == "events") == 3
    assert all(d.rows for d in dropped)


def test_the_command_writes_files_and_says_which(tmp_path, capsys):
    arguments = ["--json", "sample", "events", str(tmp_path / "landing"), "--rows", "60"]
    assert main([*arguments, "--deliveries", "3", "--delivery", "2"]) == 0
    (rows,) = [json.loads(line)["rows"] for line in capsys.readouterr().out.splitlines()]
    assert {row["delivery"] for row in rows} == {2}
    assert all((tmp_path / "landing" / row["file"]).exists() for row in rows)
    assert main([*arguments, "--delivery", "2"]) == 2

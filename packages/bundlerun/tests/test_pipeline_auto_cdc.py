"""AUTO CDC: the cases of the vendor's documentation, and what is wrong with a definition."""

import json

import pytest
from pipelines_world import World, statuses

from bundlerun.pipelines import PipelineError
from bundlerun.pipelines.stored import Stored

HEAD = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F
"""
SOURCE = """
@dp.temporary_view
@dp.expect_or_drop("has_sequence", "seq IS NOT NULL")
def changes():
    columns = "id INT, name STRING, city STRING, op STRING, seq BIGINT"
    return spark.readStream.schema(columns).json(spark.conf.get("landing"))

"""
FLOW = """
dp.create_streaming_table("silver.users")
dp.create_auto_cdc_flow(
    target="silver.users", source="changes", keys=["id"], sequence_by="seq",
    apply_as_deletes=F.expr("op = 'DELETE'"), except_column_list=["op", "seq"], {more}
)
"""
TYPE_2 = "stored_as_scd_type=2,"
FIRST = [
    (124, "Raul", "Oaxaca", "INSERT", 1),
    (123, "Isabel", "Monterrey", "INSERT", 1),
    (125, "Mercedes", "Tijuana", "INSERT", 2),
    (126, "Lily", "Cancun", "INSERT", 2),
]
THEN = [
    (123, None, None, "DELETE", 6),
    (125, "Mercedes", "Guadalajara", "UPDATE", 6),
    (125, "Mercedes", "Mexicali", "UPDATE", 5),
    (123, "Isabel", "Chihuahua", "UPDATE", 5),
]
STATES = [(124, "Raul", "Oaxaca"), (125, "Mercedes", "Guadalajara"), (126, "Lily", "Cancun")]
VERSIONS = [
    (123, "Isabel", "Chihuahua", 5, 6),
    (123, "Isabel", "Monterrey", 1, 5),
    (124, "Raul", "Oaxaca", 1, None),
    (125, "Mercedes", "Guadalajara", 6, None),
    (125, "Mercedes", "Mexicali", 5, 6),
    (125, "Mercedes", "Tijuana", 2, 5),
    (126, "Lily", "Cancun", 2, None),
]
UNTRACKED = [
    (123, "Isabel", "Chihuahua", 1, 6),
    (124, "Raul", "Oaxaca", 1, None),
    (125, "Mercedes", "Guadalajara", 2, None),
    (126, "Lily", "Cancun", 2, None),
]


def world_of(home, more="", *, source=SOURCE, flow=FLOW):
    return World(home, {"users.py": HEAD + source + flow.format(more=more)})


def land(world, name, changes):
    columns = ("id", "name", "city", "op", "seq")
    lines = [json.dumps(dict(zip(columns, change, strict=True))) for change in changes]
    world.land(f"{name}.json", *lines)


KINDS = [
    ("", STATES),
    (TYPE_2, VERSIONS),
    (TYPE_2 + "track_history_except_column_list=['city']", UNTRACKED),
    ('stored_as_scd_type="2", track_history_column_list=[F.col("NAME")]', UNTRACKED),
]


@pytest.mark.parametrize(
    "batches",
    [[FIRST + THEN], [FIRST, THEN], [THEN, FIRST], [THEN[:1], FIRST + THEN, THEN]],
    ids=["at once", "two batches", "late", "repeated"],
)
def test_documented_changes_give_the_documented_rows(tmp_path, batches):
    flows = [
        FLOW.replace("silver.users", f"silver.users_{number}").format(more=more)
        for number, (more, _) in enumerate(KINDS)
    ]
    world = World(tmp_path, {"users.py": HEAD + SOURCE + "".join(flows)})
    for number, batch in enumerate(batches):
        land(world, number, batch)
        world.updated()
    for number, (_, rows) in enumerate(KINDS):
        assert world.rows(f"silver.users_{number}") == rows
    before = world.versions()
    assert set(statuses(world.updated()).values()) == {"SKIPPED"}
    assert world.versions() == before


def test_rows_upserted_and_deleted_are_in_the_event_log(tmp_path):
    world = world_of(tmp_path, TYPE_2)
    land(world, "first", FIRST)
    world.updated()
    land(world, "then", [*THEN, (7, "No", "Sequence", "INSERT", None)])
    outcome = world.updated().flow("silver.users").outcome
    assert (outcome.inserted, outcome.updated, outcome.deleted) == (3, 2, 0)
    [log] = world.lake.read(world.table("ops.pipeline_events")).where("rows_updated > 0").collect()
    assert (log.dataset, log.rows_inserted, log.rows_updated) == ("silver.users", 3, 2)
    [dropped] = (
        world.lake.read(world.table("ops.pipeline_events")).where("rows_dropped > 0").collect()
    )
    assert dropped.dataset == "changes"


def test_a_full_refresh_applies_all_changes_again(tmp_path):
    world = world_of(tmp_path, TYPE_2)
    land(world, "first", FIRST)
    world.updated()
    land(world, "then", THEN)
    (tmp_path / "landing/first.json").unlink()
    world.updated(full_refresh=["silver.users"])
    assert world.rows("silver.users") == [
        (123, "Isabel", "Chihuahua", 5, 6),
        (125, "Mercedes", "Guadalajara", 6, None),
        (125, "Mercedes", "Mexicali", 5, 6),
    ]


@pytest.mark.parametrize("more", ["", TYPE_2])
def test_a_delete_is_remembered_for_as_long_as_the_table_says(tmp_path, more):
    """A version that a delete ended says so itself; a delete of nothing is forgotten."""
    flow = FLOW.replace(
        '"silver.users")',
        '"silver.users", table_properties=dict([("KEPT_FOR", "KEPT")]))'.replace(
            "KEPT_FOR", "pipelines.cdc.tombstoneGCThresholdInSeconds"
        ),
        1,
    )
    delete, change = [(1, None, None, "DELETE", 5)], [(1, "Late", "City", "UPDATE", 4)]
    for kept, alive in (("3600", []), ("-1", [(1, "Late", "City")])):
        world = world_of(tmp_path / kept, more, flow=flow.replace("KEPT", kept))
        land(world, "delete", delete)
        world.updated()
        land(world, "change", change)
        world.updated()
        rows = [row[:3] for row in world.rows("silver.users") if len(row) == 3 or row[4] is None]
        assert rows == alive


def test_a_row_that_somebody_erased_does_not_come_back_with_an_older_change(tmp_path):
    world = world_of(tmp_path)
    land(world, "first", FIRST)
    world.updated()
    users = Stored("silver.users", "id INT, name STRING, city STRING")
    world.lake.delete(users, where="id = 124")
    land(world, "again", FIRST[:1])
    world.updated()
    assert world.rows("silver.users") == [
        (123, "Isabel", "Monterrey"),
        (125, "Mercedes", "Tijuana"),
        (126, "Lily", "Cancun"),
    ]


def test_several_flows_with_a_declared_schema_fill_one_target(tmp_path):
    declared = "id BIGINT, name STRING, __START_AT BIGINT, __END_AT BIGINT"
    flow = FLOW.replace('"silver.users")', f'"silver.users", schema="{declared}")', 1)
    more = TYPE_2 + 'name="one"'
    second = FLOW.partition("\n)\n")[0].partition("dp.create_auto")[2].replace("changes", "others")
    source = SOURCE + SOURCE.replace("def changes", "def others").replace(
        '"landing")', '"landing") + "/others"'
    )
    text = flow + "\ndp.create_auto" + second.replace("{more}", TYPE_2 + 'name="two"') + "\n)\n"
    world = world_of(tmp_path, more, source=source, flow=text)
    (tmp_path / "landing/others").mkdir()
    land(world, "first", FIRST[:1])
    land(world, "others/a", [(124, "Raul", None, "UPDATE", 3), (124, "Ada", None, "UPDATE", 2)])
    world.updated()
    assert world.rows("silver.users") == [
        (124, "Ada", 2, 3),
        (124, "Raul", 1, 2),
        (124, "Raul", 3, None),
    ]


SNAPSHOTS = """
@dp.materialized_view(name="bronze.people")
def people():
    rows = spark.read.schema("id INT, name STRING, city STRING, op STRING, seq BIGINT")
    return rows.json(spark.conf.get("landing")).select("id", "name", "city")

for name, options in {
    "silver.one": {}, "silver.two": {"stored_as_scd_type": 2},
    "silver.named": {"stored_as_scd_type": 2, "track_history_column_list": ["name"]},
}.items():
    dp.create_streaming_table(name)
    dp.create_auto_cdc_from_snapshot_flow(target=name, source="bronze.people", keys=["id"], **options)
"""


def test_snapshots_of_a_table_are_compared_with_the_target(tmp_path):
    world = World(tmp_path, {"people.py": HEAD + SNAPSHOTS})
    land(world, "all", FIRST[:3])
    world.updated()
    first = [row[:3] for row in FIRST[:3]]
    assert world.rows("silver.one") == sorted(first)
    assert set(statuses(world.updated())) & {"silver.one", "silver.two"}
    assert statuses(world.updated())["silver.two"] == "SKIPPED"

    land(world, "all", [FIRST[0], (125, "Mercedes", "Mexicali", "", 0), FIRST[3]])
    outcome = world.updated().flow("silver.two").outcome
    assert (outcome.inserted, outcome.updated) == (2, 2)
    assert world.rows("silver.one") == [
        (124, "Raul", "Oaxaca"), (125, "Mercedes", "Mexicali"), (126, "Lily", "Cancun"),
    ]  # fmt: skip
    two = world.rows("silver.two")
    begin, then = two[1][3], two[2][3]
    assert begin < then
    assert two == [
        (123, "Isabel", "Monterrey", begin, then),
        (124, "Raul", "Oaxaca", begin, None),
        (125, "Mercedes", "Mexicali", then, None),
        (125, "Mercedes", "Tijuana", begin, then),
        (126, "Lily", "Cancun", then, None),
    ]
    assert [row[:3] for row in world.rows("silver.named")] == [
        (123, "Isabel", "Monterrey"), (124, "Raul", "Oaxaca"), (125, "Mercedes", "Mexicali"),
        (126, "Lily", "Cancun"),
    ]  # fmt: skip


HISTORICAL = """
from pathlib import Path

def next_snapshot(latest):
    number = (latest or 0) + 1
    file = Path(spark.conf.get("landing")) / f"{number}.json"
    if not file.exists():
        return None
    return spark.read.schema("id INT, name STRING").json(str(file)), number

dp.create_streaming_table("silver.two")
dp.create_auto_cdc_from_snapshot_flow("silver.two", next_snapshot, ["id"], stored_as_scd_type=2)
"""


def test_a_function_gives_one_snapshot_after_the_other(tmp_path):
    world = World(tmp_path, {"people.py": HEAD + HISTORICAL})
    with pytest.raises(PipelineError, match=r"expected a first snapshot of silver.two, found none"):
        world.update()
    world.land("1.json", '{"id": 1, "name": "a"}', '{"id": 2, "name": "b"}')
    world.land("2.json", '{"id": 1, "name": "a"}', '{"id": 2, "name": "c"}')
    world.updated()
    assert world.rows("silver.two") == [(1, "a", 1, None), (2, "b", 1, 2), (2, "c", 2, None)]
    assert statuses(world.updated()) == {"silver.two": "SKIPPED"}
    world.land("3.json", '{"id": 2, "name": "b"}')
    (tmp_path / "landing/1.json").unlink()
    world.updated()
    final = [(1, "a", 1, 3), (2, "b", 1, 2), (2, "b", 3, None), (2, "c", 2, 3)]
    assert world.rows("silver.two") == final
    world.land("4.json", '{"id": 2, "name": "b"}', '{"id": 2, "name": "x"}')
    update = world.update()
    assert update.error == (
        "silver.two: expected one row a key in a snapshot for silver.two, found several with one id"
    )
    assert world.rows("silver.two") == final


CALL = 'dp.create_auto_cdc_flow("silver.users", "changes", ["id"], "seq", {})\n'
TARGET = 'dp.create_streaming_table("silver.users")\n'
WRONG = "in the AUTO CDC of silver.users, found "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TARGET + CALL.format("ignore_null_updates=True"), "expected changes without ignore_null"),
        (TARGET + CALL.format("apply_as_truncates='true'"), "without apply_as_truncates, which"),
        (TARGET + CALL.format("stored_as_scd_type=3"), f"stored_as_scd_type 1 or 2 {WRONG}3"),
        (
            TARGET + CALL.format("column_list=['name'], except_column_list=['op']"),
            f"expected one of column_list and except_column_list {WRONG}both",
        ),
        (
            TARGET + CALL.format("track_history_column_list=['name']"),
            f"track_history_column_list with stored_as_scd_type 2 {WRONG}type 1",
        ),
        (
            TARGET + CALL.format("except_column_list=['id']"),
            "expected except_column_list to leave the keys, found id",
        ),
        (TARGET + CALL.format("").replace('["id"]', "[]"), f"keys that identify a row {WRONG}none"),
        (TARGET + CALL.format("").replace('["id"]', '["gone"]'), "silver.users: .*gone"),
        (TARGET + CALL.format("name='a'") + CALL.format("name='b', except_column_list=['op']"),
         "expected all flows of silver.users to have the same keys, columns and type"),
        (
            TARGET.replace('")', '", schema="id INT, name STRING")')
            + CALL.format("stored_as_scd_type=2"),
            "expected __START_AT and __END_AT, of the type of the sequence, among the columns",
        ),
        (
            '@dp.materialized_view(name="silver.users")\ndef users():\n    return spark.range(1)\n'
            + CALL.format("name='a'"),
            "expected the target of AUTO CDC, silver.users, to be a streaming table, found a mat",
        ),
        (
            TARGET + CALL.format("") + "@dp.append_flow(target='silver.users')\ndef more():\n"
            "    return spark.readStream.table('changes')\n",
            "expected silver.users to be filled by AUTO CDC alone, found append flows too",
        ),
        (
            TARGET + CALL.format("") + "@dp.table\ndef more():\n"
            "    return spark.readStream.table('silver.users')\n",
            "expected bronze.more to read the rows of silver.users whole, found a stream: AUTO CDC",
        ),
        (
            TARGET + "dp.create_auto_cdc_from_snapshot_flow('silver.users', 'changes', ['id'])\n",
            "expected the snapshots of silver.users to be read whole, found a stream: use",
        ),
    ],
)  # fmt: skip
def test_a_wrong_definition_is_named(tmp_path, text, message):
    world = World(tmp_path, {"users.py": HEAD + SOURCE + text})
    with pytest.raises(PipelineError, match=message) as found:
        world.update()
    assert "\n" not in str(found.value)
    assert world.lake.tables() == []


def test_a_change_without_a_sequence_stops_its_table(tmp_path):
    source = SOURCE.replace('@dp.expect_or_drop("has_sequence", "seq IS NOT NULL")\n', "")
    world = world_of(tmp_path, source=source)
    land(world, "first", [*FIRST, (7, "No", "Sequence", "INSERT", None)])
    assert world.update().error == (
        "silver.users: expected a sequence in every change of silver.users, "
        "found 1 without: drop them by an expectation"
    )


ONCE = """
@dp.materialized_view(name="bronze.before")
def before():
    return spark.sql("SELECT 1 AS id, 'Ada' AS name, 'York' AS city, 'INSERT' AS op, 0L AS seq")

dp.create_auto_cdc_flow(
    target="silver.users", source="bronze.before", keys=["id"], sequence_by="seq",
    apply_as_deletes="op = 'DELETE'", except_column_list=["op", "seq"], name="first", once=True,
)
"""


def test_a_flow_that_runs_once_takes_in_a_whole_table(tmp_path):
    world = world_of(tmp_path, flow=FLOW + ONCE)
    land(world, "first", FIRST[:1])
    world.updated()
    rows = [(1, "Ada", "York"), (124, "Raul", "Oaxaca")]
    assert world.rows("silver.users") == rows
    users = Stored("silver.users", "id INT, name STRING, city STRING")
    world.lake.delete(users, where="id = 1")
    world.updated()
    assert world.rows("silver.users") == rows[1:]
    world.updated(full_refresh=True)
    assert world.rows("silver.users") == rows


@pytest.mark.parametrize("more", ["", TYPE_2])
def test_a_new_column_of_the_source_comes_into_the_target(tmp_path, more):
    source = SOURCE.replace("city STRING, ", "")
    world = world_of(tmp_path, more, source=source)
    land(world, "first", FIRST[:2])
    world.updated()
    world.write("users.py", HEAD + SOURCE + FLOW.format(more=more))
    land(world, "then", [FIRST[2], (124, "Raul", "Lima", "UPDATE", 3)])
    world.updated()
    columns = world.lake.read(world.table("silver.users")).columns
    rows = [dict(zip(columns, row, strict=True)) for row in world.rows("silver.users")]
    open_rows = [row for row in rows if row.get("__END_AT") is None]
    assert [(row["id"], row["city"]) for row in open_rows] == [
        (123, None), (124, "Lima"), (125, "Tijuana"),
    ]  # fmt: skip
    assert len(rows) - len(open_rows) == (1 if more else 0)

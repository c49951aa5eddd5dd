"""What is wrong with a pipeline is said in one line, before anything is written."""

import pytest
from pipelines_world import World, statuses

from bundlerun.pipelines import PipelineError

HEAD = "from pyspark import pipelines as dp\nfrom pyspark.sql import functions as F\n"
AUTO_LOADER = "format('cloudFiles').option('cloudFiles.cleanSource', 'DELETE').load('/x')"
CHANGES = "dp.create_auto_cdc_flow('a', 'silver.visits', ['id'], 'minutes')\n"
READS = """
@dp.materialized_view(name="{name}")
def {function}():
    return spark.read.table("{source}"){more}
"""
STREAM = "@dp.table\ndef a():\n    return spark.readStream.table('silver.visits').MORE\n"


@pytest.fixture
def world(tmp_path):
    """A pipeline of its own."""
    return World(tmp_path)


def reading(name, source, more=""):
    return READS.format(name=name, source=source, function=name.replace(".", "_"), more=more)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            reading("a", "b") + reading("b", "silver.c") + reading("silver.c", "a"),
            "found a circle: bronze.a reads bronze.b reads silver.c reads bronze.a",
        ),
        (
            reading("a", "nowhere"),
            "expected bronze.nowhere, which bronze.a reads, to be a dataset .* found neither",
        ),
        (reading("a", "a.b.c.d"), "expected a.b.c.d, which bronze.a reads, to be a dataset"),
        (
            reading("a", "silver.visits", ".select('gone')"),
            r"bronze.a: .*gone",
        ),
        (
            reading("a", "silver.visits") + reading("bronze.a", "silver.visits"),
            "expected bronze.a to be defined once, found it twice",
        ),
        (
            "@dp.table\ndef a():\n    return spark.read.table('silver.visits')\n",
            "expected streaming table bronze.a to read a stream, found none: make it a mat",
        ),
        (
            "@dp.materialized_view\ndef a():\n    return spark.readStream.table('silver.visits')\n",
            "expected materialized view bronze.a to read whole tables, found a stream",
        ),
        (
            STREAM.replace("MORE", "groupBy('person').count()"),
            "expected bronze.a to look at each row of its stream, found aggregate",
        ),
        (
            "@dp.table\ndef a():\n    return spark.readStream.json('/nowhere')\n",
            r"expected readStream.schema\(…\) for the files of /nowhere",
        ),
        (
            "@dp.table\ndef a():\n    return spark.readStream.schema('a INT').json('/nowhere')\n",
            "expected the folder /nowhere, which bronze.a streams from, found none: create it",
        ),
        (
            "@dp.table\ndef a():\n    return spark.readStream.format('kinesis').load()\n",
            "expected a stream of tables, kafka or files .*, found kinesis",
        ),
        (
            "@dp.expect('x', 'true')\n@dp.materialized_view\ndef a():\n    return spark.range(1)\n",
            "expected an expectation below the decorator of its table, found it above",
        ),
        (
            "@dp.materialized_view\n@dp.expect('x', 'gone > 1')\ndef a():\n    return spark.range(1)\n",
            "bronze.a: .*gone",
        ),
        (
            "dp.create_streaming_table('a')\n",
            "expected a flow that fills bronze.a, found none",
        ),
        (
            "@dp.materialized_view(schema='id INT, n INT')\ndef a():\n    return spark.range(1)\n",
            "expected the query of bronze.a to give n, found id",
        ),
        (
            "dp.create_streaming_table('a', path='/x')\n",
            "expected a without a path, as the warehouse says where it is, found one: leave it",
        ),
        (
            "dp.create_streaming_table('a', expect_all={'x': 'true'})\n" + CHANGES,
            "expected the expectations of bronze.a at the source of its changes, found them at",
        ),
        (
            STREAM.replace("table('silver.visits').MORE", AUTO_LOADER),
            "expected Auto Loader without cloudFiles.cleanSource, found it: leave it out",
        ),
        (
            STREAM.replace("readStream", "readStream.option('startingVersion', 1)"),
            "expected a stream of all rows of silver.visits, found startingVersion, which only",
        ),
        ("gone.py()\n", "wrong.py: name 'gone' is not defined"),
        ("spark.read.table('silver.visits')\n", "expected reads inside the functions of tables"),
        (
            "@dp.materialized_view\ndef a():\n    return 1\n",
            "expected the function of bronze.a to return a DataFrame, found int",
        ),
    ],
)
def test_a_wrong_definition_is_named(world, text, message):
    world.write("wrong.py", HEAD + text)
    with pytest.raises(PipelineError, match=message) as found:
        world.update()
    assert "\n" not in str(found.value)
    assert world.lake.tables() == []


def test_a_table_to_refresh_must_be_of_the_pipeline(world):
    with pytest.raises(
        PipelineError, match="table of the pipeline to refresh, found known_visits:"
    ):
        world.update(refresh=["known_visits"])


def test_all_tables_or_some_are_refreshed(world):
    with pytest.raises(PipelineError, match="of all tables or of some, found both"):
        world.update(full_refresh=True, refresh=["silver.visits"])


def test_settings_cannot_be_changed(world):
    world.write("wrong.py", "spark.conf.set('a', 'b')\n")
    with pytest.raises(PipelineError, match=r"wrong\.py: .*RuntimeConf.set"):
        world.update()


SQL = """
-- Counts; and copies.
CREATE OR REFRESH STREAMING TABLE long_visits COMMENT 'over; ten' AS
SELECT visits.id, visits.minutes FROM STREAM(silver.visits) WHERE minutes > 10;

CREATE TEMPORARY VIEW longest AS SELECT max(v.minutes) AS minutes FROM bronze.long_visits AS v;
/* the; end */
CREATE MATERIALIZED VIEW gold.texts AS
WITH all_of_them AS (SELECT * FROM long_visits)
SELECT count(*) AS n, any_value(longest.minutes) AS most, 'a;b' AS text
FROM all_of_them JOIN longest ON true;
"""


def test_sql_files_define_tables_too(world):
    world.write("more.sql", SQL)
    world.land("a.json", '{"id":"1","person":"Ada","minutes":50}', '{"id":"2","person":"Bo"}')
    world.land("b.json", '{"id":"3","person":"Ada","minutes":60}')
    world.update()
    assert world.rows("bronze.long_visits") == [("1", 50), ("3", 60)]
    assert world.rows("gold.texts") == [(2, 60, "a;b")]
    world.land("c.json", '{"id":"4","person":"Ada","minutes":70}')
    world.update()
    assert world.rows("bronze.long_visits") == [("1", 50), ("3", 60), ("4", 70)]
    assert statuses(world.update())["gold.texts"] == "SKIPPED"


SQL_FLOWS = """
CREATE OR REFRESH STREAMING TABLE silver.all_visits (
  id STRING NOT NULL COMMENT 'a, b', minutes BIGINT,
  CONSTRAINT is_long EXPECT (minutes >= 10 AND id IN ('1', '2', '3')) ON VIOLATION DROP ROW,
  CONSTRAINT counted EXPECT (minutes < 100),
  CONSTRAINT pk PRIMARY KEY (id)
) CLUSTER BY (id) COMMENT 'both' TBLPROPERTIES ('quality' = 'silver', pipelines.x = 1);

CREATE FLOW streamed AS INSERT INTO silver.all_visits BY NAME
SELECT minutes, id FROM STREAM(silver.visits);

CREATE FLOW backfill AS INSERT INTO ONCE silver.all_visits BY NAME
SELECT '2' AS id, CAST(11 AS BIGINT) AS minutes FROM silver.visits;

CREATE STREAMING TABLE people;
CREATE FLOW people_changes AS AUTO CDC INTO people
FROM stream(silver.visits) KEYS (person)
APPLY AS DELETE WHEN minutes = 0 SEQUENCE BY struct(minutes, id)
COLUMNS * EXCEPT (id) STORED AS SCD TYPE 2 TRACK HISTORY ON * EXCEPT (minutes);

CREATE STREAMING TABLE last_visits;
APPLY CHANGES INTO LIVE.last_visits FROM STREAM silver.visits KEYS (person)
SEQUENCE BY minutes COLUMNS person, id STORED AS SCD TYPE 1;
"""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT count(*) AS n FROM STREAM(silver.visits)", "count\\("),
        ("SELECT person FROM STREAM silver.visits GROUP  BY person", "GROUP BY"),
        ("SELECT DISTINCT person FROM streamed", "DISTINCT"),
    ],
)
def test_sql_over_a_stream_asks_nothing_of_all_rows(world, query, found):
    view = "CREATE TEMPORARY VIEW streamed AS SELECT 'sum(n)', * FROM STREAM(silver.visits);"
    world.write("more.sql", f"{view} CREATE STREAMING TABLE a AS {query}")
    with pytest.raises(PipelineError, match=f"look at each row alone, found {found}: do it in a"):
        world.update()


def test_flows_and_changes_in_sql_files(world):
    world.write("more.sql", SQL_FLOWS)
    world.land(
        "a.json", '{"id":"1","person":"Ada","minutes":50}', '{"id":"2","person":"Bo","minutes":5}'
    )
    update = world.updated()
    assert world.rows("silver.all_visits") == [("1", 50), ("2", 11), ("2", 11)]
    found = update.flow("silver.all_visits")
    assert found.flow == "streamed, backfill"
    counts = [(c.name, c.passed, c.failed, c.dropped) for c in found.outcome.expectations]
    assert counts == [("is_long", 3, 1, 1), ("counted", 4, 0, 0)]
    world.land("b.json", '{"id":"3","person":"Ada","minutes":60}')
    world.updated()
    assert world.rows("silver.all_visits") == [("1", 50), ("2", 11), ("2", 11), ("3", 60)]
    assert [(row[0], row[2]["id"]) for row in world.rows("bronze.people")] == [
        ("Ada", "1"), ("Bo", "2"),
    ]  # fmt: skip
    assert world.rows("bronze.last_visits") == [("2", "Bo"), ("3", "Ada")]
    world.updated(full_refresh=["silver.all_visits"])
    assert len(world.rows("silver.all_visits")) == 5


LAKEFLOW = """
from pyspark import pipelines as dp

dp.create_streaming_table("all_visits", expect_all_or_drop={"is_long": "minutes >= 10"},
                          cluster_by_auto=True)

@dp.append_flow(target="all_visits")
def streamed():
    return spark.readStream.table("silver.visits").select("id", "minutes")

@dp.append_flow(target="all_visits", once=True)
def backfill():
    return spark.sql("SELECT '0' AS id, CAST(10 AS BIGINT) AS minutes")

@dp.view
def longest():
    return spark.read.table("all_visits").where("minutes > 50")

@dp.materialized_view(name="gold.longest", private=True)
def longest_ones():
    return spark.read.table("longest")
"""


def test_arguments_that_only_lakeflow_has(world):
    world.write("more.py", LAKEFLOW)
    world.land("a.json", '{"id":"1","person":"Ada","minutes":5}')
    world.updated()
    assert world.rows("bronze.all_visits") == [("0", 10)]
    world.land("b.json", '{"id":"2","person":"Ada","minutes":60}')
    world.updated()
    assert world.rows("bronze.all_visits") == [("0", 10), ("2", 60)]
    assert world.rows("gold.longest") == [("2", 60)]


def test_a_statement_that_defines_nothing_is_named(world):
    world.write("more.sql", "DROP TABLE silver.visits;")
    with pytest.raises(PipelineError, match=r"expected CREATE … AS SELECT .*, found DROP TABLE"):
        world.update()


FLOWS = """
from pyspark import pipelines as dp
from pyspark.sql import SparkSession, functions as F

assert SparkSession.active() is spark
dp.create_streaming_table("everything", comment="of two folders")

@dp.append_flow(target="everything", name="from_json")
def from_json():
    files = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
    files = files.option("cloudFiles.inferColumnTypes", True).schema("id STRING, minutes BIGINT")
    return files.load(spark.conf.get("landing")).select("id", F.lit("json").alias("kind"))

@dp.append_flow(target="everything")
def from_csv():
    read = spark.readStream.schema("id STRING, minutes BIGINT").option("header", True)
    folder = "file://" + spark.conf.get("landing") + "/csv"
    return read.csv(folder, pathGlobFilter="*.csv").select("id", F.lit("csv").alias("kind"))
"""


def test_several_flows_fill_one_table(world):
    world.write("flows.py", FLOWS)
    world.land("csv/a.csv", "id,minutes", "c1,1")
    world.land("csv/a.txt", "id,minutes", "not,1")
    files = ["everything"]
    with pytest.raises(PipelineError, match="landing"):
        world.update(refresh=files, configuration={"landing": str(world.home / "gone/landing")})
    world.files.pop("visits.py"), world.files.pop("totals.py")
    landing = world.home / "landing"
    (landing / "json").mkdir()
    world.write(
        "flows.py",
        FLOWS.replace(
            'load(spark.conf.get("landing"))', 'load(spark.conf.get("landing") + "/json")'
        ),
    )
    world.land("json/a.json", '{"id":"j1","minutes":1}')
    world.updated()
    world.land("json/b.json", '{"id":"j2","minutes":1}')
    update = world.updated()
    assert world.rows("bronze.everything") == [("c1", "csv"), ("j1", "json"), ("j2", "json")]
    assert update.flow("bronze.everything").flow == "from_json, from_csv"
    assert update.flow("bronze.everything").outcome.inserted == 1

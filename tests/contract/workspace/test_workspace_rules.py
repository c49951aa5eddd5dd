"""Every rule of the stand-in, with a planted violation that it refuses and what it lets through."""

import fcntl
import os
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from workspace_guard import OWNER, READER
from workspace_stand_in import ENGINE, deployed

from lyceum.model.table import Table
from pocketlake import Lake
from pocketlake.sessions import without_reattaching

pytestmark = pytest.mark.reference
needs_spark = pytest.mark.skipif(
    ENGINE != "spark", reason="the embedded engine has no managed tables, and its UDFs no process"
)

SILVER = "dev_me_silver"
VIEW, TABLE = "spark_catalog.dev_me_silver.lm_planted", "spark_catalog.dev_me_silver.planted"


@pytest.fixture(scope="module")
def workspace(spark):
    """A workspace in which nothing has run yet."""
    with deployed(spark) as made:
        yield made


@pytest.fixture(scope="module")
def sessions(workspace):
    """A session of each who may connect, on the guarded engine, with a table and two views."""
    schema = workspace.spark.createDataFrame([(1,)], "n INT")
    for name in (VIEW, TABLE):
        schema.write.format("delta").mode("overwrite").saveAsTable(name)
    workspace.guard.catalog.materialized.add("dev_me_silver.lm_planted")
    made = {
        who: without_reattaching(
            SparkSession.builder.remote(workspace.guard.address(who)).create()  # type: ignore[attr-defined]
        )
        for who in (OWNER, READER)
    }
    yield made
    workspace.guard.catalog.materialized.clear()
    for name in (VIEW, TABLE):
        workspace.spark.sql(f"DROP TABLE {name}")


STATEMENTS = {
    "a schema": ("CREATE SCHEMA IF NOT EXISTS dev_me_silver", "they come from the bundle"),
    "a database": ("create database other", "they come from the bundle"),
    "a schema dropped": ("DROP SCHEMA dev_me_silver CASCADE", "they come from the bundle"),
    "a volume": ("CREATE VOLUME dev_me_ops.more", "they come from the bundle"),
    "a table in a folder": (
        "CREATE TABLE dev_me_silver.t (k INT) USING delta LOCATION '/tmp/t'",
        "managed by the catalog",
    ),
    "a table read by its path": ("SELECT * FROM delta.`/tmp/t`", "known by name"),
    "time travel on a view of a pipeline": (
        f"SELECT * FROM {VIEW} VERSION AS OF 0",
        "no versions",
    ),
    "the same by time, in quotes": (
        "SELECT count(*) FROM `spark_catalog`.`dev_me_silver`.`lm_planted` TIMESTAMP AS OF '2026-01-01'",
        "no versions",
    ),
    "the versions of a view of a pipeline": (f"DESCRIBE HISTORY {VIEW}", "no versions"),
    "a merge into a view of a pipeline": (
        f"MERGE INTO {VIEW} AS t USING (SELECT 1 AS n) AS s ON t.n = s.n WHEN NOT MATCHED THEN INSERT *",
        "written by its pipeline alone",
    ),
    "rows into a view of a pipeline": (f"INSERT INTO {VIEW} VALUES (2)", "its pipeline alone"),
    "an erasure from a view of a pipeline": (f"DELETE FROM {VIEW} WHERE n = 1", "pipeline alone"),
    "a column for a view of a pipeline": (f"ALTER TABLE {VIEW} ADD COLUMN m INT", "pipeline alone"),
    "a setting": ("SET spark.sql.sources.default = delta", "the setting spark.sql.sources.default"),
    "a cache": (f"CACHE TABLE {TABLE}", "serverless compute has none"),
    "a jar": ("ADD JAR '/tmp/a.jar'", "the environment has wheels alone"),
    "a global view": ("CREATE GLOBAL TEMPORARY VIEW g AS SELECT 1", "global temporary view"),
}  # fmt: skip


@pytest.mark.parametrize("planted", STATEMENTS)
def test_a_workspace_refuses_the_statement(workspace, sessions, planted):
    statement, reason = STATEMENTS[planted]
    with pytest.raises(PySparkException, match=rf"\[REFUSED\].*{reason}"):
        sessions[OWNER].sql(statement).collect()
    assert reason in workspace.guard.refused[-1]


CALLS = {
    "a table saved to a folder": (
        lambda s: s.range(1).write.format("delta").save("/tmp/t"),
        "managed by the catalog",
    ),
    "a table read from a folder": (
        lambda s: s.read.format("delta").load("/tmp/t").collect(),
        "known by name",
    ),
    "an external table": (
        lambda s: s.catalog.createTable(
            "dev_me_silver.e", path="/tmp/t", source="delta", schema=s.range(1).schema
        ),
        "managed by the catalog",
    ),
    "time travel by an option": (
        lambda s: s.read.option("versionAsOf", 0).table(VIEW).collect(),
        "no versions",
    ),
    "a view of a pipeline overwritten": (
        lambda s: s.range(1).write.mode("overwrite").saveAsTable(VIEW),
        "its pipeline alone",
    ),
    "a view of a pipeline appended to": (
        lambda s: s.range(1).writeTo(VIEW).append(),
        "its pipeline alone",
    ),
    "a setting": (lambda s: s.conf.set("spark.sql.caseSensitive", "true"), "the setting"),
    "a setting taken back": (lambda s: s.conf.unset("spark.sql.caseSensitive"), "the setting"),
    "a cache": (lambda s: s.range(1).cache(), "would compute twice"),
    "a checkpoint": (lambda s: s.range(1).localCheckpoint(), "would compute twice"),
    "a global view": (lambda s: s.range(1).createGlobalTempView("g"), "global temporary view"),
    "a stream without end": (
        lambda s: s.readStream.format("rate").load().writeStream.format("noop").start(),
        "availableNow alone",
    ),
}  # fmt: skip


@pytest.mark.parametrize("planted", CALLS)
def test_a_workspace_refuses_the_call(workspace, sessions, planted):
    call, reason = CALLS[planted]
    with pytest.raises(PySparkException, match=rf"\[REFUSED\].*{reason}"):
        call(sessions[OWNER])
    assert reason in workspace.guard.refused[-1]


BY_READERS = {
    "a view made on a look": "CREATE OR REPLACE VIEW dev_me_silver.looked AS SELECT 1",
    "a table that a read makes": "CREATE TABLE IF NOT EXISTS dev_me_silver.t (n INT)",
    "a row": f"INSERT INTO {TABLE} VALUES (3)",
    "a deletion": f"DELETE FROM {TABLE} WHERE n = 1",
    "maintenance": f"OPTIMIZE {TABLE}",
    "a comment": f"COMMENT ON TABLE {TABLE} IS 'mine'",
}


@pytest.mark.parametrize("planted", BY_READERS)
def test_who_has_select_only_changes_nothing(sessions, planted):
    with pytest.raises(PySparkException, match=r"\[REFUSED\].*somebody who has SELECT only"):
        sessions[READER].sql(BY_READERS[planted]).collect()


@needs_spark
def test_what_a_workspace_allows_is_passed_on(workspace, sessions):
    before = len(workspace.guard.refused)
    for session in sessions.values():
        session.conf.set("spark.sql.session.timeZone", "UTC")
        assert session.sql(f"SELECT n FROM {TABLE} WHERE 'CREATE SCHEMA x' <> ''").collect() == [
            (1,)
        ]
        session.table(VIEW).createOrReplaceTempView("looked_at")
        assert session.sql("SELECT sum(n) AS n FROM looked_at").collect() == [(1,)]
    assert len(workspace.guard.refused) == before


@needs_spark
def test_the_catalog_says_what_is_a_view_of_a_pipeline(sessions):
    lake = Lake(sessions[READER], kind="workspace", warehouse=None, schemas={"silver": SILVER})
    assert lake.tables() == [(SILVER, "lm_planted"), (SILVER, "planted")]
    view, table = (
        Table(f"silver.{name}", "a row", "n INT", ()) for name in ("lm_planted", "planted")
    )
    assert [lake.is_materialized(one) for one in (view, table)] == [True, False]


def test_an_error_of_the_engine_comes_back_as_what_it_is(sessions):
    with pytest.raises(PySparkException, match="nowhere"):
        sessions[OWNER].sql("SELECT * FROM dev_me_silver.nowhere").collect()


def append(home: Path) -> None:
    (home / "a.log").write_text("one\n")
    with (home / "a.log").open("a") as file:
        file.write("two\n")


def rewrite(home: Path) -> None:
    (home / "b.bin").write_bytes(b"one")
    with (home / "b.bin").open("r+b") as file:
        file.write(b"two")


def rename(home: Path) -> None:
    (home / "c.part").write_text("whole")
    (home / "c.part").replace(home / "c")


def move_folder(home: Path) -> None:
    (home / "d").mkdir()
    shutil.move(home / "d", home / "e")


def lock(home: Path) -> None:
    with (home / "f.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def database(home: Path) -> None:
    sqlite3.connect(home / "g.sqlite")


def link(home: Path) -> None:
    (home / "h").symlink_to("/tmp")


def relative(home: Path) -> None:
    Path("i.txt").write_text("where is it?")


def working_directory(home: Path) -> None:
    (Path.cwd() / "j.txt").write_text("where is it?")


FILES = {
    append: "an append on a volume",
    rewrite: "random writes on a volume",
    rename: "a rename or link on a volume",
    move_folder: "a rename or link on a volume",
    lock: "a lock on a volume",
    database: "SQLite on a volume",
    link: "a rename or link on a volume",
    relative: "a file at a relative path",
    working_directory: "in the working directory",
}


@pytest.mark.parametrize("planted", FILES, ids=lambda action: action.__name__)
def test_a_volume_refuses_the_file(workspace, planted):
    done = workspace.tried(planted, workspace.volume("checkpoints"))
    assert FILES[planted] in done.refused[0]


def caught(home: Path) -> None:
    try:
        append(home)
    except OSError:
        return


def test_a_refusal_that_a_task_catches_is_known_all_the_same(workspace):
    with pytest.raises(AssertionError, match="an append on a volume"):
        workspace.call(caught, workspace.volume("checkpoints"))


def write(home: Path) -> None:
    (home / "k.txt").write_text("one")
    (home / "k.txt").write_text("two")
    shutil.copyfile(home / "k.txt", home / "l.txt")
    (home / "l.txt").unlink()


def test_a_volume_takes_whole_files_from_those_who_may_write(workspace):
    workspace.call(write, workspace.volume("checkpoints"))
    done = workspace.tried(write, workspace.volume("checkpoints"), who=READER)
    assert "READ VOLUME only" in done.refused[-1]


def environment(home: Path) -> None:
    found = [name for name in os.environ if name.startswith(("LYCEUM_", "LMS_"))]
    assert not found, found
    assert "LYCEUM_TEST_SET" not in os.environ


def test_a_task_has_no_environment_of_ours(workspace, monkeypatch):
    monkeypatch.setenv("LYCEUM_TEST_SET", "by the machine")
    workspace.call(environment, workspace.volume("checkpoints"))


def without_settings() -> int:
    from lyceum.cli import main

    return main(["status"])


def test_a_task_that_got_no_settings_says_so(workspace):
    """On one machine its home would be a folder of the working directory."""
    done = workspace.tried(without_settings)
    assert (done.code, done.refused) == (2, [])
    assert done.err.startswith("lyceum: expected LYCEUM_HOME, a folder of a volume, found nothing")


@needs_spark
def test_a_worker_has_no_network(workspace, sessions):
    from pyspark.sql.functions import udf

    @udf("string")
    def fetch(port: int) -> str:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as found:
            return str(found)

    with socket.create_server(("127.0.0.1", 0)) as server:
        rows = (
            sessions[OWNER]
            .createDataFrame([(server.getsockname()[1],)], "p INT")
            .select(fetch("p"))
        )
        with pytest.raises(PySparkException, match="a worker has no network"):
            rows.collect()


PLANTED = Table(
    name="silver.planted_keys",
    grain="one row a key",
    keys=("k",),
    columns="k STRING NOT NULL COMMENT 'the key', mail STRING COMMENT 'e-mail address'",
    personal=("mail",),
)


@needs_spark
def test_keys_and_personal_columns_reach_the_catalog(workspace, sessions):
    lake = Lake(
        sessions[OWNER], kind="workspace", warehouse=None, schemas={"silver": "dev_me_silver"}
    )
    lake.append(PLANTED, lake.rows(PLANTED, [("a", "a@example.com")]))
    assert workspace.guard.catalog.keys["dev_me_silver.planted_keys"] == ["k"]
    assert workspace.guard.catalog.tags["dev_me_silver.planted_keys"] == {"mail": "personal"}
    assert lake.read(PLANTED).count() == 1

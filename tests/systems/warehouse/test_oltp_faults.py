"""What is wrong with the source is said in one line, and costs nothing but its own table."""

import shutil
from pathlib import Path

import pytest
from oltp_world import PASSWORD, Oltp

from lyceum.systems.warehouse.source.connection import Source
from lyceum.systems.warehouse.source.errors import SourceDownError, SourceSettingsError
from lyceum.systems.warehouse.source.files import TableFiles
from lyceum.systems.warehouse.source.landing import Landing
from lyceum.systems.warehouse.source.sync import sync
from lyceum.systems.warehouse.source.tables import SOURCE_TABLES
from lyceum_lab.postgres import Binaries, start
from soak import IS_SOAK

LEARNER = "00000002-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("statement", "table", "message"),
    [
        ("ALTER TABLE users RENAME TO people", "users",
         "expected the table public.users in the source, found none"),
        ("ALTER TABLE users RENAME full_name TO name", "users",
         "expected public.users to have full_name, found it gone; new columns: name"),
        ("ALTER TABLE learners ALTER grade_level TYPE text", "learners",
         "expected public.learners.grade_level to be int2 or int4, found text"),
        ("ALTER TABLE session_activities ALTER score TYPE numeric(9,4)", "session_activities",
         "expected public.session_activities.score to be numeric(5,2), found numeric(9,4)"),
        ("REVOKE SELECT ON tenants FROM lyceum_reader", "tenants",
         "expected table tenants to be readable, found: "),
    ],
    ids=["table gone", "column renamed", "column retyped", "number retyped", "not granted"],
)  # fmt: skip
def test_a_table_that_is_not_as_needed_fails_alone_in_one_line(oltp, statement, table, message):
    oltp.run(statement)
    found = oltp.sync()
    assert list(found.failures) == [table]
    assert found.failures[table].startswith(message)
    assert "\n" not in found.failures[table]
    assert sum(one.landed > 0 for one in found.tables.values()) == len(SOURCE_TABLES) - 1


def test_what_changed_while_a_table_failed_is_landed_when_it_is_mended(oltp):
    oltp.sync()
    oltp.run("ALTER TABLE learners RENAME locale TO language")
    oltp.run(f"UPDATE learners SET grade_level = 95 WHERE id = '{LEARNER}'")
    assert list(oltp.sync().failures) == ["learners"]
    oltp.run("ALTER TABLE learners RENAME language TO locale")
    assert oltp.sync().tables["learners"].landed == 1
    assert oltp.current("learners")[(LEARNER,)]["grade_level"] == 95


def test_a_new_column_is_kept_and_reported(oltp):
    oltp.sync()
    oltp.run("ALTER TABLE learners ADD nickname text, ADD house int")
    oltp.run(f"UPDATE learners SET nickname = 'Lo', house = 3 WHERE id = '{LEARNER}'")
    found = oltp.sync().tables["learners"]
    assert (found.landed, found.undeclared) == (1, ("nickname", "house"))
    rescued = oltp.current("learners")[(LEARNER,)]["_rescued"]
    assert rescued == '{"house": 3, "nickname": "Lo"}'


def test_a_table_that_is_locked_fails_after_the_time_out(oltp):
    with oltp.postgres.connect(oltp.database) as other, other.transaction():
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        found = oltp.sync("users", "tenants", timeout=1)
    assert "statement timeout" in found.failures["users"]
    assert found.tables["tenants"].landed == 2


def test_a_wrong_password_is_one_line_without_it(oltp):
    url = oltp.url.replace(PASSWORD, "hunter2hunter2")
    with pytest.raises(SourceDownError) as raised:
        sync(Source(url, timeout_seconds=5), Landing(oltp.folder), [])
    message = str(raised.value)
    assert "password authentication failed" in message
    assert "\n" not in message
    assert "hunter2" not in message


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(
        SourceDownError, match=r"expected PostgreSQL at 127.0.0.1:9/x, found: .*"
    ) as raised:
        sync(
            Source("postgresql://a:bcdefgh@127.0.0.1:9/x", timeout_seconds=5), Landing(tmp_path), []
        )
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["", "jdbc:postgresql://db/x?password=hunter2", "mysql://db/x", "//[1"]
)
def test_an_address_of_another_kind_is_wrong_usage(url):
    with pytest.raises(SourceSettingsError, match="expected OLTP_DATABASE_URL like") as raised:
        Source(url, timeout_seconds=5)
    assert "hunter2" not in str(raised.value)


def test_a_foreign_host_is_asked_for_tls_unless_the_address_says_otherwise():
    def url(text: str) -> str:
        return Source(text, timeout_seconds=5)._url

    assert "sslmode=require" in url("postgresql://a:b@db.example.com/x")
    assert "sslmode=verify-full" in url("postgresql://a:b@db.example.com/x?sslmode=verify-full")
    assert "sslmode" not in url("postgresql://a:b@localhost/x")


def test_a_source_that_goes_down_in_the_middle_lands_nothing_and_the_next_sync_all(
    tmp_path, monkeypatch
):
    """A server of its own, which is stopped when the second table is being landed."""
    from oltp_world import server

    with server() as postgres:
        oltp = Oltp.copied(postgres, tmp_path / "oltp")
        real, calls = TableFiles.land_slice, []

        def land(*arguments):
            calls.append(arguments)
            if len(calls) == 2:
                postgres.stop()
            return real(*arguments)

        monkeypatch.setattr(TableFiles, "land_slice", land)
        with pytest.raises(SourceDownError) as raised:
            oltp.sync()
        assert "\n" not in str(raised.value)
        assert oltp.files() == set()
        monkeypatch.undo()
        again = start(Binaries.found(), postgres.folder, port=postgres.port)
        try:
            found = oltp.sync()
        finally:
            again.stop()
    assert {name for name, table in found.tables.items() if table.landed} == set(SOURCE_TABLES)


class _KilledError(BaseException):
    """What stands for a kill: nothing in the code catches it."""


def _die_within(name, *arguments):
    """Copies break off in the middle."""
    if name == "shutil.copyfile":
        source, target = map(Path, arguments)
        target.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    raise _KilledError


@pytest.mark.soak
def test_a_sync_that_is_killed_at_any_step_lands_each_row_once(oltp, tmp_path, monkeypatch):
    """Every copy, which then breaks off, and removal of a file is such a step; CI takes every third."""
    tables = ("tenants", "subjects")
    oltp.sync(*tables)
    oltp.run("UPDATE tenants SET plan = 'gold'", "DELETE FROM subjects WHERE code = 'art'")
    before = {path: path.read_bytes() for path in oltp.folder.rglob("*") if path.is_file()}
    real, step = {}, 0
    while True:
        left = step

        def died(name, *arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                _die_within(name, *arguments)
            return real[name](*arguments, **options)

        with monkeypatch.context() as patch:
            for owner, name in ((shutil, "copyfile"), (Path, "write_text"), (Path, "unlink"),
                                (TableFiles, "land_deletes"), (TableFiles, "write_index")):  # fmt: skip
                key = f"{owner.__name__}.{name}"
                real[key] = getattr(owner, name)
                patch.setattr(owner, name, lambda *a, _key=key, **o: died(_key, *a, **o))
            try:
                oltp.sync(*tables)
            except _KilledError:
                was_killed = True
            else:
                was_killed = False
        oltp.sync(*tables)
        assert [row["plan"] for row in oltp.rows("tenants")].count("gold") == 2
        assert [row["_is_deleted"] for row in oltp.rows("subjects")].count(True) == 1
        assert (oltp.landed("tenants").num_rows, oltp.landed("subjects").num_rows) == (4, 7)
        assert not (oltp.folder / "_staged").exists()
        if not was_killed:
            break
        for path in [p for p in oltp.folder.rglob("*") if p.is_file()]:
            path.unlink()
        for path, content in before.items():
            path.write_bytes(content)
        step += 1 if IS_SOAK else 3
    assert step > 8

"""The folder of a load: what counts of it after a kill at any point."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lyceum.systems.lms.source.landing import EVENTS, PAGES, Load, LoadFolder, RowsAside

STARTED = datetime(2026, 1, 1, tzinfo=UTC)
LOAD = Load("complete", "https://lms.test", "l1", STARTED)


def rows(*event_ids: str) -> RowsAside:
    aside = RowsAside()
    for event_id in event_ids:
        aside.add({"event_id": event_id, "body": f"{event_id} → é\u2028\n\\"})
    return aside


@pytest.fixture
def folder(tmp_path):
    """A load of five events, of which two chunks have three."""
    folder = LoadFolder.new(tmp_path, LOAD)
    folder.keep(PAGES, rows())
    folder.plan(["a", "b", "c", "d", "e"])
    folder.keep_chunk(rows("b", "d"))
    folder.keep_chunk(rows("e"))
    return folder


def found(tmp_path) -> tuple[list[str], int] | None:
    """What the next process would fetch, and how many answers it would not."""
    folder = LoadFolder.unfinished(tmp_path)
    return folder and (list(folder.pending()), folder.answered)


def test_the_next_process_finds_the_load_and_what_it_lacks(folder, tmp_path):
    again = LoadFolder.unfinished(tmp_path)
    assert again.load == LOAD
    assert (again.events, again.answered) == (5, 3)
    assert list(again.pending()) == ["a", "c"]
    assert again.answer_files() == folder.answer_files()
    again.keep_chunk(rows("a", "c"))
    assert found(tmp_path) == ([], 5)


def test_a_line_is_a_row_whatever_is_in_it(folder):
    (first, *_), _ = [Path(file).read_bytes().splitlines() for file in folder.answer_files()]
    assert json.loads(first) == {"event_id": "b", "body": "b → é\u2028\n\\"}


@pytest.mark.parametrize("content", [b"", b'{"event_id": "b"', None])
def test_a_chunk_whose_copy_broke_off_does_not_count(folder, tmp_path, content):
    """It was cut off, or is not there at all."""
    chunk = tmp_path / "l1" / "chunk-00000.jsonl"
    chunk.unlink() if content is None else chunk.write_bytes(content)
    assert found(tmp_path) == (["a", "b", "c", "d"], 1)


def test_a_chunk_of_the_right_size_with_other_content_does_not_count(folder, tmp_path):
    chunk = tmp_path / "l1" / "chunk-00000.jsonl"
    chunk.write_bytes(chunk.read_bytes().replace(b"b", b"x"))
    assert found(tmp_path) == (["a", "b", "c", "d"], 1)


def test_a_chunk_that_is_on_no_record_does_not_count(folder, tmp_path):
    """Killed between the copy and the record; its number is used again."""
    (tmp_path / "l1" / "chunk-00002.jsonl").write_text('{"event_id": "a"}\n')
    assert found(tmp_path) == (["a", "c"], 3)
    again = LoadFolder.unfinished(tmp_path)
    again.keep_chunk(rows("c"))
    assert [file[-8:-6] for file in again.answer_files()] == ["00", "01", "02"]
    assert found(tmp_path) == (["a"], 4)


@pytest.mark.parametrize("half", ["load.json", "load.next.json"])
def test_a_record_whose_copy_broke_off_is_read_under_its_other_name(folder, tmp_path, half):
    record = tmp_path / "l1" / half
    record.write_bytes(record.read_bytes()[:-20])
    assert found(tmp_path) == (["a", "c"], 3)


def test_a_record_is_whole_again_before_it_is_changed(folder, tmp_path):
    """The one half is broken; once it has been read, the other half may break off."""
    for name in ("load.json", "load.next.json"):
        record = tmp_path / "l1" / name
        record.write_bytes(record.read_bytes()[:-20])
        assert found(tmp_path) == (["a", "c"], 3)


@pytest.mark.parametrize("name", [EVENTS, PAGES])
def test_without_one_of_its_lists_a_load_begins_anew(folder, tmp_path, name):
    (tmp_path / "l1" / name).unlink()
    assert LoadFolder.unfinished(tmp_path) is None


def test_a_load_that_does_not_know_its_events_begins_anew(tmp_path):
    folder = LoadFolder.new(tmp_path, LOAD)
    assert LoadFolder.unfinished(tmp_path) is None
    folder.keep(PAGES, rows())
    assert LoadFolder.unfinished(tmp_path) is None


def test_a_load_of_single_events_has_no_pages(tmp_path):
    folder = LoadFolder.new(tmp_path, LOAD)
    assert folder.plan(["a"]) == 1
    assert found(tmp_path) == (["a"], 0)
    assert (folder.page_files(), folder.answer_files()) == ([], [])


def test_a_new_load_drops_what_others_left(folder, tmp_path):
    (tmp_path / "half").mkdir()
    LoadFolder.new(tmp_path, Load("retry", "https://lms.test", "l2", STARTED))
    assert [path.name for path in tmp_path.iterdir()] == ["l2"]


def test_a_load_that_is_over_leaves_nothing(folder, tmp_path):
    folder.drop()
    assert list(tmp_path.iterdir()) == []
    assert LoadFolder.unfinished(tmp_path) is None


def test_a_folder_without_a_record_is_no_load(tmp_path):
    (tmp_path / "l1").mkdir()
    (tmp_path / "l1" / "load.json").write_text('{"load_id": 1}')
    assert LoadFolder.unfinished(tmp_path / "not there") is None
    assert LoadFolder.unfinished(tmp_path) is None

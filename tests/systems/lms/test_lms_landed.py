"""What is read from landed files is what the LMS sent, on either engine."""

from datetime import UTC, datetime

import pytest
from pyspark.errors import AnalysisException

from lyceum.errors import LyceumError
from lyceum.systems.lms.job_fetch import landed_answers, landed_pages
from lyceum.systems.lms.source.client import Fetched
from lyceum.systems.lms.source.fetch import answer_row, page_row
from lyceum.systems.lms.source.landing import PAGES, Load, LoadFolder, RowsAside
from lyceum.systems.lms.source.paging import EventsPage

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
BODIES = (
    '{"n": [1e400, 1.50, 123456789012345678901234567890.10, -0, 1E+2]}',
    r'{"t": "\ud83d\ude80 \u2028 \"x\" \\ \/ \n"}',
    '{"t": "🚀 عيد é \u2028\u0085"}',
    ' { "spaces" :\t1,\r\n "lines": null } \n',
    '{"t": "' + "x" * 1_000_000 + 'é"}',
    "",
    "null",
    "2026-01-01",
    "[]",
)


@pytest.fixture
def folder(tmp_path):
    """A load in a folder whose name has more than letters in it."""
    return LoadFolder.new(tmp_path / "it's é #1", Load("complete", "lms", "l1", NOON))


def test_a_body_is_read_as_it_was_sent(spark, folder):
    """Numbers that no type holds, escapes, line ends, a megabyte; in two files."""
    for number in range(2):
        aside = RowsAside()
        for n, body in enumerate(BODIES):
            fetched = Fetched(f"{number}/{n}", 200, body, NOON, 3)
            aside.add(answer_row("l1", fetched))
        folder.keep_chunk(aside)
    rows = {row.event_id: row for row in landed_answers(spark, folder).collect()}
    assert {event_id: row.body for event_id, row in rows.items()} == {
        f"{number}/{n}": body for number in range(2) for n, body in enumerate(BODIES)
    }
    facts = rows["0/0"].asDict() | {"body": None}
    assert facts.pop("fetched_at").replace(tzinfo=UTC) == NOON
    assert facts == {
        "load_id": "l1",
        "event_id": "0/0",
        "http_status": 200,
        "body": None,
        "attempts": 3,
        "error_kind": None,
        "error_message": None,
    }


def test_a_failed_event_has_its_error_and_no_body(spark, folder):
    aside = RowsAside()
    aside.add(answer_row("l1", Fetched("e1", None, None, NOON, 6, "timeout", 'no "answer"')))
    folder.keep_chunk(aside)
    (row,) = landed_answers(spark, folder).collect()
    assert (row.http_status, row.body, row.attempts) == (None, None, 6)
    assert (row.error_kind, row.error_message) == ("timeout", 'no "answer"')


def test_pages_are_read_with_what_was_odd_about_them(spark, folder):
    aside = RowsAside()
    aside.add(page_row("l1", EventsPage(1, BODIES[2], NOON, 7, ("one", "two"))))
    aside.add(page_row("l1", EventsPage(2, BODIES[0], NOON, 0)))
    folder.keep(PAGES, aside)
    first, second = landed_pages(spark, folder).orderBy("page").collect()
    assert (first.body, first.item_count, first.findings) == (BODIES[2], 7, "one; two")
    assert (second.body, second.item_count, second.findings) == (BODIES[0], 0, None)


def test_without_files_there_are_no_rows(spark, folder):
    folder.plan([])
    assert landed_pages(spark, folder).columns[:3] == ["load_id", "page", "body"]
    assert landed_pages(spark, folder).count() == landed_answers(spark, folder).count() == 0


def test_a_folder_that_an_engine_takes_for_a_pattern_is_refused(spark, tmp_path):
    """Sail finds nothing there and says nothing: without a count the load would seem empty."""
    folder = LoadFolder.new(tmp_path / "[a]", Load("complete", "lms"))
    aside = RowsAside()
    aside.add(answer_row("l1", Fetched("e1", 200, "{}", NOON, 1)))
    folder.keep_chunk(aside)
    with pytest.raises((LyceumError, AnalysisException), match=r"such as \[|PATH_NOT_FOUND"):
        landed_answers(spark, folder).collect()

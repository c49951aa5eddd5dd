"""The LMS suite on tables, with Great Expectations: results, Data Docs, gate."""

import dataclasses
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakes import lake_at
from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.quality.expectations import ValidationError, validate
from lyceum.quality.results import QUALITY_RESULTS, CheckResult, QualityGateError, gate
from lyceum.quality.suites import Subject, Suite, has_rows, is_true
from lyceum.settings import Settings
from lyceum.systems.lms.bronze import LMS_EVENT_SESSION_DETAILS, LMS_EVENTS
from lyceum.systems.lms.settings import LmsThresholds
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS
from lyceum.systems.lms.suite import check_lms
from tables import assert_rows, draw

CHECKED_AT = datetime(2026, 1, 2, tzinfo=UTC)
EXTERNAL = re.compile(r"""(?:src|href|action|data)\s*=\s*["']?\s*(?:https?:)?//|url\(|@import""")


THINGS = Suite(
    "demo",
    (
        Subject(
            name="things",
            table="silver.things",
            rows="things",
            identified_by=("id",),
            checks=(
                has_rows("some", "warning", "there are rows"),
                is_true("all_good", "is_good", "critical", "a row is good"),
            ),
        ),
    ),
)


def _fill(lake: Lakehouse, table: Table, text: str) -> None:
    """Replace the table's rows by drawn ones; columns that are not drawn are NULL."""
    schema = lake.read(table).schema
    types = {field.name: field.dataType.simpleString() for field in schema}
    drawn = draw(lake.spark, text, types)
    missing = [f"CAST(NULL AS {types[c]}) AS {c}" for c in types if c not in drawn.columns]
    lake.replace(table, drawn.selectExpr("*", *missing).select(*types))


@pytest.fixture(scope="module")
def lake(
    spark: SparkSession, config: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Lakehouse:
    """Two listed events, of which e2 was not fetched; e1 announces two sessions and has one."""
    home = tmp_path_factory.mktemp("quality")
    lake = lake_at(config, home)
    page = '{"data": [{"id": "e1", "session_count": 2}, {"id": "e2", "session_count": 1}]}'
    now = "2026-01-01 00:00:00"
    _fill(lake, LMS_EVENTS, f"load_id | page | fetched_at | data_value\n l1 | 1 | {now} | {page}")
    _fill(
        lake,
        LMS_EVENT_SESSION_DETAILS,
        f"event_id | data_value | fetched_at | load_id\n e1 | {{}} | {now} | l1",
    )
    _fill(
        lake,
        EVENT_SESSION_DETAILS,
        f"""
        session_id | event_id | start_time | end_time         | ends_at             | product_id | updated_at
        s1         | e1       | soon       | 2026-01-01 11:00 | 2026-01-01 11:00:00 | p1         | {now}
        """,
    )
    _fill(
        lake,
        EVENT_SESSION_PRODUCTS,
        f"""
        session_id | product_id | product_position | event_id | updated_at
        s1         | p1         | 0                | e1       | {now}
        """,
    )
    return lake


@pytest.fixture(scope="module")
def results(lake: Lakehouse) -> dict[str, CheckResult]:
    """The results of the suite by check id."""
    return {r.check_id: r for r in check_lms(lake, load_id="l1", checked_at=CHECKED_AT)}


def test_the_suite_finds_what_is_wrong_and_nothing_else(results: dict[str, CheckResult]) -> None:
    """The missing event, the missing session and the unreadable start fail; the rest passes."""
    failed = {check_id: r.sample for check_id, r in results.items() if not r.passed}
    assert failed == {
        "event_coverage": ({"event_id": "e2", "expected_sessions": 1, "found_sessions": 0},),
        "session_count": ({"event_id": "e1", "expected_sessions": 2, "found_sessions": 1},),
        "start_readable": ({"session_id": "s1", "event_id": "e1"},),
    }
    assert results["event_coverage"].observed == "1 of 2 listed events (50%)"
    assert results["event_coverage"].expected == "at least 95% of listed events"
    assert results["ends_after_start"].element_count == 0


def test_a_missing_event_closes_the_gate(results: dict[str, CheckResult]) -> None:
    """Coverage is critical: the error names the check and the event."""
    with pytest.raises(QualityGateError, match=r"event_coverage[\s\S]*1 break it, .*event_id e2"):
        gate(results.values())


def test_results_of_a_load_are_written_once(
    results: dict[str, CheckResult], lake: Lakehouse
) -> None:
    """A load that is checked again leaves one row a check, with true counts."""
    check_lms(lake, load_id="l1", checked_at=CHECKED_AT)
    rows = lake.read(QUALITY_RESULTS).where("run_id = 'l1'")
    assert rows.count() == len(results)
    assert_rows(
        rows.where("check_id = 'event_coverage'"),
        """
        suite | severity | passed | unexpected_count | element_count | unexpected_percent
        lms   | critical | false  | 1                | 2             | 50.0
        """,
    )


def test_data_docs_need_no_network(results: dict[str, CheckResult], lake: Lakehouse) -> None:
    """No page names another host; the index leads to a page for each subject, with its ids."""
    site = lake.config.home / "data_docs" / "lms"
    pages = {page.relative_to(site).as_posix(): page.read_text() for page in site.rglob("*.html")}
    assert not [name for name, text in pages.items() if EXTERNAL.search(text)]
    assert not [name for name, text in pages.items() if "<script" in text]
    links = re.findall(r'href="([^"]+/validations/[^"]+)"', pages["index.html"])
    assert [link.split("/")[2] for link in links] == ["events", "session_products", "sessions"]
    events = pages[links[0]]
    assert "event_coverage (critical): every listed event has session details" in events
    assert "e2" in events


def test_data_docs_show_the_latest_run(results: dict[str, CheckResult], lake: Lakehouse) -> None:
    """The pages of a run replace those of the one before; half of the events are enough here."""
    half = dataclasses.replace(lake.config, environ={"LMS_QUALITY_EVENT_COVERAGE": "0.5"}).of(
        LmsThresholds
    )
    found = check_lms(lake, load_id="l2 <b>", checked_at=CHECKED_AT, thresholds=half)
    assert {r.check_id for r in found if not r.passed} == {"session_count", "start_readable"}
    site = lake.config.home / "data_docs"
    assert "Run l2 &lt;b&gt;" in (site / "lms" / "index.html").read_text()
    assert [p.parent.parent.name for p in site.glob("lms/*/validations/sessions/*/*/*.html")] == [
        "l2__b_"
    ]
    assert [p.name for p in site.iterdir() if p.is_dir()] == ["lms"]


def test_data_docs_that_cannot_be_written_fail_nothing(spark: SparkSession, tmp_path: Path) -> None:
    """The data is in and its results are known: pages for people are only missed."""
    (tmp_path / THINGS.name).write_text("a file where the folder should be")
    frame = draw(spark, "id | is_good:boolean\n 1 | true")
    found = validate(
        THINGS, {"things": frame}, run_id="r1", checked_at=CHECKED_AT, docs_folder=tmp_path
    )
    assert [result.passed for result in found] == [True, True]


def test_validation_is_silent(
    spark: SparkSession, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Great Expectations' progress bars and hints do not reach the terminal."""
    frame = draw(spark, "id | is_good:boolean\n 1 | false")
    validate(THINGS, {"things": frame}, run_id="r1", checked_at=CHECKED_AT, docs_folder=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_an_empty_frame_fails_only_where_rows_are_expected(spark: SparkSession) -> None:
    """A check of rows holds for no rows; that there are some is a check of its own."""
    frame = draw(spark, "id | is_good:boolean")
    some, good = validate(THINGS, {"things": frame}, run_id="r1", checked_at=CHECKED_AT)
    assert (some.passed, some.observed) == (False, "0 things")
    assert (good.passed, good.element_count, good.unexpected_percent) == (True, 0, None)


def test_a_check_that_cannot_be_evaluated_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    """A column that the frame lacks is an error, never a passed or failed check."""
    frame = draw(spark, "id | is_fine:boolean\n 1 | true")
    with pytest.raises(ValidationError, match=r"expected check all_good to be evaluated.*is_good"):
        validate(
            THINGS, {"things": frame}, run_id="r1", checked_at=CHECKED_AT, docs_folder=tmp_path
        )

"""What a check found: its row, and the error that closes the gate."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lyceum.quality.data_docs import offline_page
from lyceum.quality.results import CheckResult, QualityGateError, gate

COVERAGE = CheckResult(
    run_id="load-1",
    suite="lms",
    check_id="event_coverage",
    severity="critical",
    table_name="bronze.lms_event_session_details",
    description="every listed event has session details",
    passed=False,
    observed="1 of 4 listed events (25%)",
    expected="at least 95% of listed events",
    unexpected_count=3,
    element_count=4,
    sample=({"event_id": "e1"}, {"event_id": "e2"}),
    checked_at=datetime(2026, 1, 1, tzinfo=UTC),
    remedy="`lyceum lms retry-failed` fetches the missing events again",
)
WHERE = "All results are in ops.quality_results where run_id = 'load-1'."
TIMING = replace(COVERAGE, check_id="start_readable", severity="warning")


def test_the_gate_says_which_critical_checks_failed() -> None:
    """The error has check, expectation, finding, count, sample and remedy, each check once."""
    with pytest.raises(QualityGateError) as caught:
        gate([COVERAGE, TIMING, replace(COVERAGE, check_id="session_unique", passed=True)])
    assert str(caught.value).splitlines() == [
        "1 of 2 critical checks of suite lms failed on run load-1:",
        "  event_coverage: every listed event has session details",
        "    expected at least 95% of listed events, found 1 of 4 listed events (25%)",
        "    3 break it, such as event_id e1; event_id e2",
        "    `lyceum lms retry-failed` fetches the missing events again",
        f"The data is in the tables. {WHERE}",
    ]


def test_a_failed_warning_leaves_the_gate_open() -> None:
    """Only critical checks close the gate."""
    gate([TIMING, replace(COVERAGE, passed=True)])


def test_the_row_of_a_result_has_the_share_and_the_sample_as_json() -> None:
    """Percent is of the rows that the check applies to; the sample is a JSON list."""
    row = COVERAGE.row()
    assert row["unexpected_percent"] == 75.0
    assert row["sample"] == '[{"event_id": "e1"}, {"event_id": "e2"}]'
    assert "remedy" not in row


def test_a_check_that_applies_to_no_row_has_no_share() -> None:
    """Without rows there is no percentage and no sample."""
    row = replace(COVERAGE, element_count=0, unexpected_count=0, sample=()).row()
    assert row["unexpected_percent"] is None
    assert row["sample"] is None


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<script src="https://a/b.js"></script><p>kept', "<p>kept"),
        ("<script>if (1 < 2) load('https://a')</script><p>kept", "<p>kept"),
        ('<link rel="stylesheet" href="//a/b.css"/><p>kept', "<p>kept"),
        ('<img src="https://a/logo.png" alt="x"/><p>kept', "<p>kept"),
        ('<a class="c" href="https://a">text</a>', '<a class="c">text</a>'),
        ('<a href="../index.html">home</a>', '<a href="../index.html">home</a>'),
        ("<footer><p>News</p></footer><p>1 &lt; 2 &#8776;", "<p>1 &lt; 2 &#8776;"),
    ],
)
def test_an_offline_page_keeps_its_text_and_loses_other_hosts(page: str, expected: str) -> None:
    """Scripts, style sheets, images and external links go; text and own links stay."""
    assert offline_page(page) == expected

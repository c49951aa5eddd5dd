"""Which errors may pass, and how a call that fails is tried again."""

import logging

import aiohttp
import pytest
from pyspark.errors import AnalysisException, ParseException, PySparkException

from lyceum.errors import UsageError
from lyceum.http.retry import HttpCallError
from lyceum.runs.retry import RetryPolicy, with_retries
from lyceum.runs.transience import is_transient


def spark_error(text: str) -> PySparkException:
    return PySparkException(message=text)


def http(status: int) -> HttpCallError:
    return HttpCallError(f"http_{status}", f"HTTP {status}", status=status)


TRANSIENT = [
    spark_error("[DELTA_CONCURRENT_APPEND.WITHOUT_HINT] Transaction conflict detected."),
    spark_error("io.delta.exceptions.ConcurrentDeleteReadException: a file was deleted"),
    spark_error("[DELTA_METADATA_CHANGED] The metadata has been changed by a concurrent update"),
    spark_error("[DELTA_PROTOCOL_CHANGED] ProtocolChangedException"),
    spark_error("[DELTA_CONCURRENT_TRANSACTION] another txn of this app"),
    spark_error("org.postgresql.util.PSQLException: Connection to db:5432 refused."),
    spark_error("PSQLException: FATAL: sorry, too many clients already SQLState: 53300"),
    spark_error("java.sql.SQLTransientConnectionException: HikariPool-1 is not available"),
    spark_error("ERROR: deadlock detected (SQLSTATE 40P01)"),
    spark_error("java.net.SocketTimeoutException: Read timed out"),
    http(408),
    http(429),
    http(503),
    HttpCallError("timeout", "no answer in 60 s"),
    ConnectionResetError(),
    TimeoutError(),
    aiohttp.ServerDisconnectedError(),
    aiohttp.ServerTimeoutError(),
]
PERMANENT = [
    AnalysisException(message="[TABLE_OR_VIEW_NOT_FOUND] x SQLSTATE: 42P01"),
    AnalysisException(message="Connection refused is the name of a column that is not there"),
    ParseException(message="[PARSE_SYNTAX_ERROR] SQLSTATE: 42601"),
    spark_error("[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012"),
    spark_error("PSQLException: FATAL: password authentication failed SQLState: 28P01"),
    spark_error('ERROR: relation "events" does not exist SQLSTATE: 42P01'),
    spark_error("[INSUFFICIENT_PERMISSIONS] no SELECT on table"),
    http(400),
    http(401),
    http(404),
    HttpCallError("retry_after_too_long", "asks for an hour", status=429),
    UsageError("expected x, found y"),
    PermissionError(),
    FileNotFoundError(),
    ValueError("bad input"),
    KeyError("x"),
]


@pytest.mark.parametrize("error", TRANSIENT, ids=str)
def test_these_errors_may_pass(error):
    """Conflicts of Delta, lost connections, overload."""
    assert is_transient(error)


@pytest.mark.parametrize("error", PERMANENT, ids=str)
def test_these_errors_stay(error):
    """Analysis, permission, bad input, and whatever is not known."""
    assert not is_transient(error)


def test_what_an_error_leaves_open_its_cause_decides():
    """A general error from a lost connection may pass, a usage error from one does not."""
    general, usage = RuntimeError("the load failed"), UsageError("wrong host")
    general.__cause__ = usage.__cause__ = ConnectionRefusedError()
    assert (is_transient(general), is_transient(usage)) == (True, False)


class Flaky:
    """Raises its errors one after the other, then gives "good"; notes every wait."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls, self.waits = list(errors), 0, []

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "good"

    def run(self, **policy: float) -> str:
        return with_retries(self, RetryPolicy(**policy), name="merge", sleep=self.waits.append)


def test_a_passing_error_is_tried_again_after_a_wait(caplog):
    """Two conflicts, then success: three calls, two waits within 1 and 2 s, two lines."""
    flaky = Flaky(http(503), http(503))
    with caplog.at_level(logging.WARNING, "lyceum"):
        assert flaky.run(backoff_base=1.0) == "good"
    assert flaky.calls == 3
    assert [wait <= bound for wait, bound in zip(flaky.waits, (1, 2), strict=True)] == [True, True]
    assert [record.message for record in caplog.records] == [
        "attempt 1 of merge failed",
        "attempt 2 of merge failed",
    ]


def test_a_permanent_error_is_not_tried_again():
    flaky = Flaky(http(404))
    with pytest.raises(HttpCallError, match="HTTP 404"):
        flaky.run()
    assert flaky.calls == 1


def test_the_last_error_is_raised_when_the_attempts_are_used_up(caplog):
    """Two retries: three calls, and a line that says that it is over."""
    flaky = Flaky(*[http(503)] * 5)
    with caplog.at_level(logging.ERROR, "lyceum"), pytest.raises(HttpCallError, match="HTTP 503"):
        flaky.run(max_retries=2)
    assert flaky.calls == 3
    assert [record.message for record in caplog.records] == ["retries of merge are used up"]


def test_no_attempt_begins_after_the_time_allowed():
    """0 s: one call, however many retries are allowed."""
    flaky = Flaky(*[http(503)] * 5)
    with pytest.raises(HttpCallError, match="HTTP 503"):
        flaky.run(max_retries=5, max_seconds=0.0)
    assert flaky.calls == 1

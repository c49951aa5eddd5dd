"""Which errors may pass by themselves: decided here, for HTTP, JDBC, Delta and sockets alike.

Whatever is not known to pass is permanent: analysis errors, missing permission, bad input.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus

from lyceum.errors import UsageError

TRANSIENT_STATUSES = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
TRANSIENT_KINDS = frozenset({"timeout", "connection", "truncated", "not_json", "token_unavailable"})

_DELTA_CONFLICT = re.compile(
    r"DELTA_(CONCURRENT_(APPEND|DELETE_READ|DELETE_DELETE|TRANSACTION|WRITE)"
    r"|METADATA_CHANGED|PROTOCOL_CHANGED|MAX_COMMIT_RETRIES_EXCEEDED_EXCEPTION)\b"
    r"|\b(Concurrent(Append|DeleteRead|DeleteDelete|Transaction|Write)"
    r"|(Metadata|Protocol)Changed)Exception\b"
)
# Of PostgreSQL and its kin, as SQL states: connection (08), too many of them (53300), shutdown
# (57P01 to 57P03), serialization failure and deadlock (40001, 40P01), lock not available (55P03).
_SQL_STATE = re.compile(
    r"\b(?:SQLSTATE|SQLState|SQL state)[:= (]+(08\w{3}|53300|57P0[123]|40001|40P01|55P03)\b"
)
_BROKEN_CONNECTION = re.compile(
    r"java\.net\.(Connect|SocketTimeout|NoRouteToHost|UnknownHost|Socket|PortUnreachable)Exception"
    r"|java\.sql\.SQL(Transient\w*|NonTransientConnection|Recoverable)Exception"
    r"|java\.util\.concurrent\.TimeoutException"
    r"|Connection (to \S+ )?(was )?(refused|reset|timed out)|connection attempt failed"
    r"|StatusCode\.UNAVAILABLE|I/O error occurred while sending to the backend"
    r"|terminating connection due to"
)
# By name: whoever asks about an HTTP call need not have Spark, nor aiohttp.
_OF_SPARK = frozenset({"PySparkException", "Py4JJavaError"})
_OF_ANALYSIS = frozenset({"AnalysisException", "ParseException"})
_OF_CONNECTIONS = frozenset({"ClientConnectionError", "ServerTimeoutError", "ClientPayloadError"})
_PERMANENT = (UsageError, PermissionError, FileNotFoundError)


def is_transient(error: BaseException) -> bool:
    """True when the same call may succeed later; what the error leaves open, its cause decides."""
    opinions = (_opinion(one) for one in _with_causes(error))
    return next((opinion for opinion in opinions if opinion is not None), False)


def is_transient_status(status: int | None) -> bool:
    """True for 408, 425, 429 and every 5xx."""
    return status is not None and (
        status in TRANSIENT_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def is_transient_http(kind: str) -> bool:
    """True for `http_` and a passing status, and for a passing kind of fault that is no status."""
    status = kind.removeprefix("http_")
    return is_transient_status(int(status)) if status.isdigit() else kind in TRANSIENT_KINDS


def _opinion(error: BaseException) -> bool | None:
    """Whether this error by itself is transient; None if it does not tell."""
    said = getattr(error, "is_transient", None)
    if isinstance(said, bool):
        return said
    if isinstance(error, _PERMANENT):
        return False
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _OF_SPARK:
        return _is_transient_in_spark(str(error), is_analysis=bool(names & _OF_ANALYSIS))
    if isinstance(error, ConnectionError | TimeoutError) or names & _OF_CONNECTIONS:
        return True
    return None


def _is_transient_in_spark(text: str, *, is_analysis: bool) -> bool:
    """Spark gives Python the JVM's error as text: its condition, or the names of the causes."""
    if _DELTA_CONFLICT.search(text):
        return True
    found = _SQL_STATE.search(text) or _BROKEN_CONNECTION.search(text)
    return found is not None and not is_analysis


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, each once; what was merely handled before is no cause."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__

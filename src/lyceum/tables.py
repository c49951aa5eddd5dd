"""Every table and view that Lyceum declares."""

from lyceum.bronze import lms as bronze_lms
from lyceum.errors import UsageError
from lyceum.ops.audit import LMS_AUDIT_LOG
from lyceum.ops.ledger import ETL_JOB_RUNS, ETL_JOB_STATUS
from lyceum.ops.quarantine import QUARANTINE
from lyceum.quality.results import QUALITY_RESULTS
from lyceum.silver import lms as silver_lms
from lyceum.table import Table

TABLES: tuple[Table, ...] = (
    bronze_lms.LMS_EVENTS,
    bronze_lms.LMS_EVENT_SESSION_DETAILS,
    bronze_lms.LMS_LOAD_PAGES,
    bronze_lms.LMS_LOAD_EVENTS,
    bronze_lms.LMS_LOAD_DETAILS,
    silver_lms.EVENT_SESSION_DETAILS,
    silver_lms.EVENT_SESSION_PRODUCTS,
    ETL_JOB_RUNS,
    LMS_AUDIT_LOG,
    QUALITY_RESULTS,
    QUARANTINE,
)
VIEWS = (ETL_JOB_STATUS,)


class UnknownTableError(UsageError):
    """There is no table of that name."""


def declared(name: str) -> Table:
    """The declaration of a table, by its full name or by its name within the layer."""
    found = [table for table in TABLES if name in (table.name, table.short_name)]
    if not found:
        names = ", ".join(table.name for table in TABLES)
        message = f"expected the name of a table, found {name!r}: one of {names}"
        raise UnknownTableError(message)
    return found[0]

"""Every table and view that Lyceum declares."""

from lyceum.bronze import lms as bronze_lms
from lyceum.bronze.landing import LANDING_TABLES
from lyceum.bronze.raw_transactions import RAW_TRANSACTION_FILES, RAW_TRANSACTIONS
from lyceum.errors import UsageError
from lyceum.gold.event_kpis import EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI
from lyceum.gold.fact_country_sales import FACT_COUNTRY_SALES
from lyceum.gold.fact_product_performance import FACT_PRODUCT_PERFORMANCE
from lyceum.gold.fact_sales_monthly import FACT_SALES_MONTHLY
from lyceum.ops.audit import LMS_AUDIT_LOG
from lyceum.ops.checkpoints import PIPELINE_CHECKPOINT, PIPELINE_STAGE_STATUS
from lyceum.ops.exports import EXPORTS
from lyceum.ops.ledger import ETL_JOB_RUNS, ETL_JOB_STATUS
from lyceum.ops.logs import PIPELINE_LOGS
from lyceum.ops.processed_months import PROCESSED_MONTHS
from lyceum.ops.quarantine import QUARANTINE
from lyceum.ops.task_runs import TASK_RUNS
from lyceum.quality.results import QUALITY_RESULTS
from lyceum.silver import lms as silver_lms
from lyceum.silver.fact_sales_daily import FACT_SALES_DAILY
from lyceum.silver.lm_broken_rules import LM_BROKEN_RULES
from lyceum.silver.lm_events import LM_EVENTS
from lyceum.silver.lm_participants import LM_PARTICIPANTS
from lyceum.table import Table

TABLES: tuple[Table, ...] = (
    bronze_lms.LMS_EVENTS,
    bronze_lms.LMS_EVENT_SESSION_DETAILS,
    silver_lms.EVENT_SESSION_DETAILS,
    silver_lms.EVENT_SESSION_PRODUCTS,
    *LANDING_TABLES.values(),
    LM_EVENTS,
    LM_PARTICIPANTS,
    LM_BROKEN_RULES,
    EVENT_PERFORMANCE_KPI,
    PRODUCT_PERFORMANCE_KPI,
    RAW_TRANSACTIONS,
    RAW_TRANSACTION_FILES,
    FACT_SALES_DAILY,
    FACT_SALES_MONTHLY,
    FACT_PRODUCT_PERFORMANCE,
    FACT_COUNTRY_SALES,
    PROCESSED_MONTHS,
    ETL_JOB_RUNS,
    PIPELINE_CHECKPOINT,
    PIPELINE_LOGS,
    EXPORTS,
    LMS_AUDIT_LOG,
    QUALITY_RESULTS,
    QUARANTINE,
    TASK_RUNS,
)
VIEWS = (ETL_JOB_STATUS, PIPELINE_STAGE_STATUS)


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

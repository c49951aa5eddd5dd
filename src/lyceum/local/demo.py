"""The demo: the whole LMS job against a simulated LMS, then what it left in the tables."""

from dataclasses import replace

from lyceum.config import Config
from lyceum.jobs.lms_session_details import LmsJob, load
from lyceum.local.lms import Simulator, SimulatorConfig
from lyceum.ops.describe import show_runs, show_tables
from lyceum.ops.reporter import Reporter
from lyceum.storage import Lakehouse
from lyceum.storage.inspect import printable, query

_LMS = SimulatorConfig(
    events=400,
    latency_ms=20,
    faults="http_500=0.03,http_429_seconds=0.01,http_404=0.005",
    dirt="missing_id=0.01,unknown_timezone=0.02,garbage_time=0.01,nested_product=0.01",
)
_SESSIONS = """
    SELECT session_id, session_title, start_time, timezone, product_name
    FROM silver.event_session_details ORDER BY session_id LIMIT 5
"""
_AUDIT = "SELECT * FROM ops.lms_audit_log ORDER BY load_time DESC LIMIT 2"


def run_demo(lake: Lakehouse, reporter: Reporter, config: Config) -> None:
    """Serve an LMS with some faults, load it, show the tables."""
    with Simulator(_LMS) as lms:
        reporter.say(f"A simulated LMS with {_LMS.events} events, some of them faulty: {lms.url}")
        settings = replace(
            config.lms(
                base_url=lms.url, client_id=_LMS.client_id, client_secret=_LMS.client_secret
            ),
            backoff_base=0.1,
        )
        # A demo that was killed left a load of a simulator that is gone.
        load(LmsJob(lake, settings, config.lms_fields(), reporter), restart=True)
    _show(lake, reporter, "silver.event_session_details, first rows", _SESSIONS)
    _show(lake, reporter, "ops.lms_audit_log", _AUDIT)
    show_tables(lake, reporter)
    show_runs(lake, reporter, limit=3)
    reporter.say(
        f"Everything is in {config.home}. Look on with:\n"
        '  .venv/bin/lyceum sql "SELECT * FROM ops.quarantine"\n'
        "  .venv/bin/lyceum tables silver.event_session_details\n"
        "  .venv/bin/lyceum lms --help"
    )


def _show(lake: Lakehouse, reporter: Reporter, title: str, statement: str) -> None:
    frame = printable(query(lake, statement))
    reporter.table(title, frame.columns, frame.collect())

"""The demo: the bundle's own jobs, run on this machine on sample data, then what they left."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bundlerun.bundle import find_bundle
from bundlerun.config import Config as RunnerConfig
from bundlerun.runner.record import RunRecord
from bundlerun.runner.service import LOCAL_TARGET, Asked, Runner, open_bundle
from bundlerun.runner.states import SUCCEEDED, Result
from bundlerun.runner.view import RunView, failure_summary
from bundlerun.terminal import Terminal
from lyceum.lakehouse import Lakehouse
from lyceum.operations.describe import show_tables
from lyceum.operations.query import printable, query
from lyceum.runs.reporter import Reporter
from lyceum.session import new_session
from lyceum.settings import Settings
from lyceum.systems.stream.service.run import run_service
from lyceum_lab.lms import Simulator, SimulatorConfig
from lyceum_lab.lms.simulator import SimulatorStartError
from lyceum_lab.oltp import OltpConfig, served
from lyceum_lab.samples import SampleConfig, write_sample
from lyceum_lab.samples.learner_events import LearnerEventsConfig, write_learner_events
from lyceum_lab.samples.sales import SalesConfig, write_sales

JOB = "demo"
_LMS = SimulatorConfig(
    events=400,
    latency_ms=20,
    faults="http_500=0.03,http_429_seconds=0.01,http_404=0.005",
    dirt="missing_id=0.01,unknown_timezone=0.02,garbage_time=0.01,nested_product=0.01",
)
_PORT = 8766
"""The same at every start, so that a demo that was killed goes on with its load."""
_DELIVERIES = SampleConfig(rows=2_000, deliveries=2, dirt="ragged_row=0.01,unknown_event=0.01")
_SHOP = SalesConfig(days=62)
_LEARNERS = LearnerEventsConfig()
_SHOWN = {
    "silver.event_session_details, first rows": """
        SELECT session_id, session_title, start_time, timezone, product_name
        FROM silver.event_session_details ORDER BY session_id LIMIT 4""",
    "gold.product_performance_kpi, largest first": """
        SELECT * FROM gold.product_performance_kpi ORDER BY total_registrations DESC LIMIT 4""",
    "gold.fact_sales_monthly": """
        SELECT month_key, active_days, line_count, gross_revenue, returned_revenue, net_revenue
        FROM gold.fact_sales_monthly ORDER BY month_key""",
    "gold.session_metrics, longest first": """
        SELECT date_key, learner_id, duration_ms, events, questions, accuracy, is_completed
        FROM gold.session_metrics ORDER BY duration_ms DESC LIMIT 4""",
    "gold.fact_sessions by tenant": """
        SELECT tenant_name, count(*) AS sessions, sum(activities_completed) AS answers,
            sum(correct_responses) AS correct
        FROM gold.fact_sessions AS facts JOIN gold.dim_tenant AS tenants
            ON tenants.tenant_key = facts.tenant_key
        GROUP BY tenant_name ORDER BY tenant_name""",
    "In quarantine": """
        SELECT system, severity, rule, count(*) AS records FROM ops.quarantine
        WHERE resolved_at IS NULL
        GROUP BY system, severity, rule ORDER BY system, severity, rule""",
}


def run_demo(config: Settings, reporter: Reporter) -> int:
    """Deliver sample files, serve an LMS with some faults, run the job `demo`; the exit code."""
    landing = config.home / "landing"
    write_sample(_DELIVERIES, landing)
    write_sales(_SHOP, landing / "sales")
    write_learner_events(_LEARNERS, landing / "stream")
    reporter.say(f"Sample files are in {landing}")
    learners = OltpConfig(learners=100, until=datetime.now(UTC).date() - timedelta(days=1))
    with _served_lms() as lms, served(learners) as oltp_url:
        reporter.say(f"A simulated LMS with {_LMS.events} events, some of them faulty: {lms.url}")
        record, result = _run_job(_at(config, lms, oltp_url), reporter)
    if result not in SUCCEEDED:
        for line in failure_summary(record):
            reporter.say(line)
        return 1
    lake = Lakehouse(new_session(config), config)
    run_service(config, lambda: lake, reporter, once=True, files=landing / "stream")
    _show(lake, reporter)
    return 0


@contextmanager
def _served_lms() -> Iterator[Simulator]:
    """The LMS on its port, or on a free one if another demo has that."""
    lms = Simulator(_LMS, port=_PORT)
    try:
        lms.start()
    except SimulatorStartError:
        lms = Simulator(_LMS)
        lms.start()
    try:
        yield lms
    finally:
        lms.stop()


def _at(config: Settings, lms: Simulator, oltp_url: str) -> Settings:
    """The configuration with the simulator and the OLTP database in its environment."""
    environment = {
        "OLTP_DATABASE_URL": oltp_url,
        "LMS_BASE_URL": lms.url,
        "LMS_CLIENT_ID": _LMS.client_id,
        "LMS_CLIENT_SECRET": _LMS.client_secret,
        "LMS_BACKOFF_BASE": "0.1",
    }
    return replace(config, environ={**config.environ, **environment})


def _run_job(config: Settings, reporter: Reporter) -> tuple[RunRecord, Result]:
    root = find_bundle(Path.cwd())
    settings = RunnerConfig.load(config.home, config.environ, folder=root)
    runner = Runner(open_bundle(settings, root, LOCAL_TARGET, {}), settings)
    with RunView(Terminal(reporter.style)) as view:
        return runner.run(runner.request(JOB, Asked()), view)


def _show(lake: Lakehouse, reporter: Reporter) -> None:
    for title, statement in _SHOWN.items():
        frame = printable(query(lake, statement))
        reporter.table(title, frame.columns, frame.collect())
    show_tables(lake, reporter)
    reporter.say(
        f"Everything is in {lake.config.home}. Look on with:\n"
        "  .venv/bin/lyceum status demo\n"
        '  .venv/bin/lyceum sql "SELECT * FROM ops.quarantine"\n'
        "  .venv/bin/lyceum tables silver.event_session_details"
    )

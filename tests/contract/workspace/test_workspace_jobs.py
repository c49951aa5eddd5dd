"""Every job, every operator's command and the notebook in the stand-in for a workspace.

What a workspace refuses fails here, also where a task catches the refusal; and the rows are those
of the embedded engine on this machine.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import DataFrame
from workspace_guard import READER
from workspace_inputs import deliver, run_embedded
from workspace_stand_in import CATALOG, ENGINE, REPOSITORY, RUN_ID, Workspace, deployed

from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import tables, views
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.pipelines import pipeline_of, update_pipeline
from lyceum.settings import Settings
from lyceum.systems.events.pipeline import EVENTS
from lyceum.systems.events.pipeline import TABLES as OF_EVENTS
from lyceum_lab.lms import Simulator, SimulatorConfig
from pocketlake.declaration import required_columns

pytestmark = [
    pytest.mark.reference,
    pytest.mark.slow,
    pytest.mark.skipif(ENGINE != "spark", reason="the embedded engine has no managed tables"),
]

OF_A_RUN = {
    "_ingested_at", "_load_id", "fetched_at", "load_id", "loaded_at", "run_id", "seen_at", "updated_at",
}  # fmt: skip
"""Columns that tell when and by which run a row came."""
OF_A_RECORD = ["quarantine_id", "rule", "severity", "source_key", "record_key", "position"]
FIRST = [
    ("lms_session_details", "load"),
    ("lms_session_details", "retry_failed"),
    ("events_daily", "preprocess"),
    ("events_daily", "pipeline"),
    ("events_daily", "quarantine"),
    ("events_daily", "export"),
    ("sales_daily", "load"),
    ("sales_daily", "performance"),
    ("sales_monthly", "monthly"),
]
SECOND = [task for task in FIRST if task[0] == "events_daily"]
"""The second delivery has events alone: they have views that only their pipeline may write."""


@pytest.fixture(scope="module")
def lms():
    dirt = "missing_id=0.02,unknown_timezone=0.03,garbage_time=0.03,nested_product=0.03"
    with Simulator(SimulatorConfig(events=40, seed=3, dirt=dirt)) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def workspace(spark, lms):
    """A workspace whose secret scope has the credentials of the LMS."""
    with deployed(spark, lms_base_url=lms.url, secret_scope="lms-of-mine") as made:
        made.secrets["lms-of-mine", "LMS_CLIENT_ID"] = lms.config.client_id
        made.secrets["lms-of-mine", "LMS_CLIENT_SECRET"] = lms.config.client_secret
        yield made


@pytest.fixture(scope="module")
def home(workspace, lms, tmp_path_factory) -> Path:
    """A home of the embedded engine; it and the workspace have got the same two deliveries."""
    home = tmp_path_factory.mktemp("embedded")
    for delivery, tasks in ((1, FIRST), (2, SECOND)):
        for landing in (workspace.volume("landing"), home / "landing"):
            deliver(landing, delivery)
        run_embedded(home, lms, systems={job.partition("_")[0] for job, _ in tasks})
        for job, key in tasks:
            if key == "pipeline":
                update(workspace)
            else:
                workspace.run_task(job, key)
    return home


def lake_of(workspace: Workspace) -> Lakehouse:
    """The lakehouse as a session that nothing guards sees it: to look, and as the pipeline."""
    environ = {"DATABRICKS_RUNTIME_VERSION": "client.5.0"}
    return Lakehouse(workspace.spark, Settings.load(environ=environ, settings=workspace.settings))


def update(workspace: Workspace) -> None:
    """The pipeline, which Lakeflow updates in a workspace: nobody else may write its views."""
    lake = lake_of(workspace)
    done = update_pipeline(lake, pipeline_of(lake.config, EVENTS, {}), OF_EVENTS)
    assert done.failure is None, done.failure
    workspace.guard.catalog.materialized |= {
        f"{workspace.schema(table.layer)}.{table.short_name}"
        for table in OF_EVENTS
        if table.layer != "bronze"
    }


def as_text(frame: DataFrame) -> list[str]:
    """The rows without what differs from run to run, as text, sorted."""
    names = [name for name in frame.columns if name not in OF_A_RUN]
    return sorted(json.dumps(list(row), default=str) for row in frame.select(*names).collect())


def test_every_job_leaves_the_rows_of_the_embedded_engine(workspace, config, home):
    there = lake_of(workspace)
    here = Lakehouse(there.spark, replace(config, home=home, warehouse=f"{home}/warehouse"))
    compared = [table for table in tables() if table.layer != "ops" and here.exists(table)]
    assert len(compared) > 15
    rows = {table.name: as_text(there.read(table)) for table in compared}
    assert rows == {table.name: as_text(here.read(table)) for table in compared}
    assert [name for name, found in rows.items() if not found] == []
    records = [
        as_text(lake.read(QUARANTINE).where("resolved_at IS NULL").select(*OF_A_RECORD))
        for lake in (there, here)
    ]
    assert records[0] == records[1]
    assert len(records[0]) > 10


def test_exported_files_have_the_lines_of_the_embedded_engine(workspace, home):
    found = [
        sorted(
            (file.name.partition("_20")[0], file.read_text(encoding="utf-8"))
            for file in folder.glob("*.csv")
        )
        for folder in (workspace.volume("outbound"), home / "outbound")
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 4, "two tables, twice"


def test_the_ledger_has_the_ids_of_the_workspace_s_runs(workspace, home):
    rows = workspace.spark.sql(
        f"SELECT DISTINCT job_run_id, task_run_id FROM {workspace.schema('ops')}.etl_job_runs"
    )
    assert rows.collect() == [(str(RUN_ID), str(RUN_ID))]


def test_keys_and_personal_columns_are_known_to_the_catalog(workspace, home):
    lake, catalog = lake_of(workspace), workspace.guard.catalog
    of_pipeline = {table.name for table in OF_EVENTS}
    written = [table for table in tables() if lake.exists(table) and table.name not in of_pipeline]
    for table in written:
        name = f"{workspace.schema(table.layer)}.{table.short_name}"
        assert set(catalog.tags.get(name, {})) == set(table.personal), table.name
        is_key = set(table.keys) <= set(required_columns(table))
        assert catalog.keys.get(name) == (list(table.keys) if is_key else None), table.name
    assert any(table.personal for table in written)


def looked(commands: list[list[str]]) -> int:
    """Commands one after the other in one task; the first that fails says so."""
    from lyceum.cli import main

    for command in commands:
        code = main(command)
        if code:
            raise RuntimeError(f"{command} ended with {code}")
    return 0


def test_an_operator_who_has_select_only_can_look_at_everything(workspace, home):
    run_id = lake_of(workspace).read(tables_by_name()["ops.etl_job_runs"]).first().id
    record = lake_of(workspace).read(QUARANTINE).first().quarantine_id
    schema = workspace.schema("gold")
    commands = [
        ["tables"],
        ["tables", "silver.fact_sales_daily"],
        ["tables", "silver.lm_events"],
        ["status"],
        ["sql", f"SELECT * FROM {CATALOG}.{schema}.fact_sales_monthly"],
        ["sql", f"SELECT * FROM {workspace.schema('ops')}.etl_job_status"],
        ["quarantine", "list"],
        ["quarantine", "show", record],
        ["ops", "health"],
        ["ops", "trace", run_id],
        ["ops", "cleanup", "--older-than", "1d", "--dry-run"],
    ]
    given = [["--settings", workspace.settings, *command] for command in commands]
    done = workspace.call(looked, given, who=READER)
    assert "fact_sales_daily" in done.out
    assert "net_revenue" in done.out


def tables_by_name():
    return {table.name: table for table in tables()}


def test_whoever_may_read_finds_the_views(workspace, home):
    there = {
        row.viewName
        for layer in ("silver", "ops")
        for row in workspace.spark.sql(f"SHOW VIEWS IN {workspace.schema(layer)}").collect()
    }
    known = {view.short_name for view in views() if lake_of(workspace).exists(view.base)}
    assert known
    assert known <= there


def run_notebook(path: Path, parameters: dict[str, str]) -> int:
    from bundlerun.notebook import run_notebook
    from bundlerun.notebook.context import NotebookContext
    from pocketlake.sessions import workspace_session

    result = run_notebook(path, parameters=parameters, context=NotebookContext(workspace_session))
    if result.error is not None:
        raise result.error
    sys.stdout.write(f"{result.exit_value}\n")
    return 0


def test_the_notebook_runs_with_the_parameters_of_its_job(workspace, home):
    [task] = workspace.bundle.jobs["lms_sessions"]["tasks"]
    given = {**task["notebook_task"]["base_parameters"], "product": ""}
    given["source"] = str(REPOSITORY / "src")
    done = workspace.call(
        run_notebook, REPOSITORY / "notebooks" / "lms_sessions.py", given, who=READER
    )
    sessions = lake_of(workspace).read(tables_by_name()["silver.event_session_details"]).count()
    assert done.out.strip().splitlines()[-1] == str(sessions)


def test_a_replay_leaves_the_views_of_the_pipeline_alone(workspace, home):
    """What it could read goes to the pipeline's next run; nothing is refused."""
    workspace.run("quarantine", "replay")


def test_a_secret_that_is_not_there_is_one_line(workspace, home):
    """The answer of the workspace's API is not passed on: it is said what to do."""
    given = [*task_of(workspace, "lms", "load"), "--rate", "5"]
    secret = workspace.secrets.pop(("lms-of-mine", "LMS_CLIENT_SECRET"))
    try:
        done = workspace.tried(looked, [given])
    finally:
        workspace.secrets["lms-of-mine", "LMS_CLIENT_SECRET"] = secret
    assert done.refused == []
    assert "expected LMS_CLIENT_SECRET in the secret scope 'lms-of-mine'" in done.err


def task_of(workspace: Workspace, *command: str) -> list[str]:
    return [*command, "--settings", workspace.settings]

"""The bundle of this repository."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bundlerun.bundle import load_bundle
from bundlerun.bundle.checks import POLICIES, check_bundle
from bundlerun.config import Config
from bundlerun.runner.service import open_bundle
from lyceum.cli.parsing import complaint
from lyceum.settings import Settings

REPOSITORY = Path(__file__).parents[2]
PARTS = ("databricks.yml", "pyproject.toml", "bundles", "resources", "src/pipelines", "notebooks")


@pytest.fixture
def copied(tmp_path):
    """A copy of our bundle that a test may break."""
    for part in PARTS:
        source, copy = REPOSITORY / part, tmp_path / part
        if source.is_dir():
            shutil.copytree(source, copy)
        elif source.is_file():
            shutil.copy(source, copy)
    return tmp_path


def test_nothing_is_wrong_with_it():
    assert check_bundle(REPOSITORY, complaint=complaint, policy=POLICIES) == []


def test_locally_nothing_is_renamed_and_secrets_come_from_the_environment():
    bundle = load_bundle(REPOSITORY, target="local")
    load = bundle.jobs["lms_session_details"]["tasks"][0]
    settings = load["python_wheel_task"]["parameters"][3]
    assert bundle.jobs["lms_session_details"]["name"] == "lms_session_details"
    assert "LYCEUM_CATALOG=spark_catalog LYCEUM_SCHEMA_BRONZE=bronze" in settings
    assert "LYCEUM_HOME='' " in settings
    assert "LYCEUM_SECRET_SCOPE= " in settings


def test_in_development_everybody_has_schemas_of_their_own():
    bundle = load_bundle(REPOSITORY, environ={"USER": "jane.doe"})
    settings = bundle.settings["variables"]["settings"]["value"]
    assert bundle.target == "dev"
    assert "LYCEUM_SCHEMA_GOLD=dev_jane_doe_gold" in settings
    assert "LYCEUM_HOME='/Volumes/lyceum_dev/dev_jane_doe_ops/checkpoints'" in settings


def test_in_production_the_schedule_runs_as_a_service_principal():
    job = load_bundle(REPOSITORY, target="prod").jobs["lms_session_details"]
    assert job["schedule"]["pause_status"] == "UNPAUSED"
    assert re.fullmatch(r"[0-9a-f-]{36}", job["run_as"]["service_principal_name"])
    assert {p["level"] for p in job["permissions"]} == {"CAN_MANAGE", "CAN_MANAGE_RUN"}


def test_development_needs_nobody_but_its_user():
    """No group, no principal, no warehouse or scope that somebody would have to make first."""
    settings = load_bundle(REPOSITORY, target="dev", environ={"USER": "jane.doe"}).settings
    assert "LYCEUM_SECRET_SCOPE= " in settings["variables"]["settings"]["value"]
    assert [name for name, v in settings["variables"].items() if "lookup" in v] == []
    resources = [one for kind in settings["resources"].values() for one in kind.values()]
    for resource in resources:
        assert not {"grants", "permissions", "run_as"} & set(resource), resource["name"]


def test_in_development_too_a_job_runs_once_at_a_time():
    bundle = load_bundle(REPOSITORY, target="dev", environ={"USER": "jane.doe"})
    assert bundle.settings["presets"]["jobs_max_concurrent_runs"] == 1
    assert {job["max_concurrent_runs"] for job in bundle.jobs.values()} == {1}


def test_the_target_of_this_machine_cannot_be_deployed():
    """No host ends in .invalid (RFC 2606), whoever is logged in to whatever workspace."""
    workspace = load_bundle(REPOSITORY, target="local").settings["workspace"]
    assert workspace["host"].endswith(".invalid")


def test_what_jobs_share_is_one_definition():
    bundle = load_bundle(REPOSITORY, target="prod")
    shared = ("email_notifications", "health", "queue", "performance_target")
    for job in bundle.jobs.values():
        for name in shared:
            assert job[name] == bundle.settings["variables"][name]["value"], job["name"]
        is_wheel = any("python_wheel_task" in task for task in job["tasks"])
        assert ("environments" in job) == is_wheel


def test_the_environment_has_what_the_extra_quality_asks_for():
    """Spelt out there, as an extra of a local wheel needs a newer CLI than the bundle asks for."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [environment] = load_bundle(REPOSITORY).jobs["sales_daily"]["environments"]
    found = [d for d in environment["spec"]["dependencies"] if not d.endswith(".whl")]
    assert found == project["optional-dependencies"]["quality"]


def test_a_wheel_pins_nothing_that_the_runtime_has():
    """A workspace has these; another version of them may break its Spark."""
    of_runtime = {"pyspark", "pandas", "pyarrow", "pydantic", "numpy", "databricks-sdk"}
    for folder in (REPOSITORY, REPOSITORY / "packages" / "pocketlake"):
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        for requirement in tomllib.loads(text)["project"]["dependencies"]:
            assert re.fullmatch(r"[\w-]+(>=[\d.]+)?", requirement)
            name, _, bound = requirement.partition(">=")
            assert not (bound and name in of_runtime), requirement


def test_the_notebook_imports_only_what_every_runtime_has():
    """A notebook task has no environment of the job: what it imports comes from the sources."""
    code = (REPOSITORY / "notebooks" / "lms_sessions.py").read_text(encoding="utf-8")
    imports = "\n".join(re.findall(r"^from lyceum.*$", code, re.M))
    script = f"import pyspark.sql.functions, sys\nbefore = set(sys.modules)\n{imports}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    roots = {name.partition(".")[0] for name in done.stdout.split()}
    assert not roots & {"pocketlake", "structlog", "rich", "typer", "tenacity", "filelock"}


JOB = "resources/lms_session_details.job.yml"
PRODUCTION = "bundles/production.yml"
ENTRY = 'lyceum = "lyceum.cli:run_process"'
# What is planted: the file, what stands there, what is put there, the message, and what the line
# that the message names has in it (by default what was planted).
PLANTED = {
    "mode": (
        "bundles/targets.yml",
        "mode: development",
        "mode: developing",
        "expected mode to be development or production, found 'developing'",
    ),
    "unknown field": (JOB, "      queue: ", "      que: ", "Job has no field 'que'"),
    "missing field": (
        JOB,
        "package_name: lyceum\n",
        "\n",
        "PythonWheelTask needs the field 'package_name'",
        "python_wheel_task:",
    ),
    "type": (
        JOB,
        "max_retries: ${var.max_retries}",
        "max_retries: twice",
        "expected a number, found 'twice'",
    ),
    "value": (
        PRODUCTION,
        "[USE_SCHEMA, SELECT]",
        "[USE_SCHEMA, SELECTS]",
        "expected one of SELECT, ..., found 'SELECTS'",
    ),
    "kind": (
        "resources/ops.schema.yml",
        "  schemas:",
        "  schemata:",
        "schemata is a kind that is not known",
    ),
    "package": (JOB, "package_name: lyceum", "package_name: lycea", "expected a package .*'lycea'"),
    "entry point": (JOB, "entry_point: lyceum", "entry_point: lycaeum", "found 'lycaeum'"),
    "entry point that cannot be imported": (
        "pyproject.toml",
        ENTRY,
        ENTRY.replace("lyceum.cli", "lyceum.clip"),
        "cannot be imported: No module named",
        "entry_point: lyceum",
    ),
    "entry point that is not there": (
        "pyproject.toml",
        ENTRY,
        ENTRY.replace("run_process", "process"),
        "has no 'process'",
        "entry_point: lyceum",
    ),
    "reference": (JOB, "${var.settings}", "${var.seting}", "declared variable, found 'seting'"),
    "reference to a resource": (
        "resources/landing.volume.yml",
        "resources.schemas.bronze.name",
        "resources.schemas.brons.name",
        "has no 'brons'",
    ),
    "broken reference": (JOB, "${var.settings}", "${var.settings", "expected a reference such as"),
    "reference to nothing": (JOB, "${var.settings}", "${env.settings}", "refers to nothing"),
    "catalog": (
        "resources/gold.schema.yml",
        "catalog_name: ${var.catalog}",
        "catalog_name: lyceum_test",
        "hard-coded catalog",
    ),
    "catalog in a text": (
        JOB,
        "description: The events",
        "description: The lyceum_prod.silver events",
        "hard-coded catalog",
    ),
    "workspace": (
        JOB,
        "description: All",
        "description: https://x.cloud.databricks.com",
        "hard-coded workspace",
    ),
    "e-mail": (
        JOB,
        "email_notifications: ${var.email_notifications}",
        "email_notifications: {on_failure: [a@example.com]}",
        "hard-coded e-mail address",
    ),
    "retries": (
        JOB,
        "          max_retries: ${var.max_retries}\n",
        "",
        "needs max_retries",
        "task_key: load",
    ),
    "time-out": (
        JOB,
        "timeout_seconds: 21600\n",
        "timeout_seconds: 0\n",
        "needs timeout_seconds",
    ),
    "notification": (
        JOB,
        "      email_notifications: ${var.email_notifications}\n",
        "",
        "needs a notification on failure",
        "lms_session_details:",
    ),
    "permissions": (
        PRODUCTION,
        "    permissions: *permissions\n",
        "",
        r"needs permissions.* \(target prod\)",
        "lms_session_details:",
    ),
    "run_as": (
        PRODUCTION,
        "    run_as: *run_as\n",
        "",
        r"needs run_as.* \(target prod\)",
        "lms_session_details:",
    ),
    "root path": (
        PRODUCTION,
        "    workspace: *workspace\n",
        "",
        r"target prod needs workspace\.root_path",
        "prod:",
    ),
    "what may be destroyed": (
        PRODUCTION,
        "        landing:\n          lifecycle: *keep\n",
        "        landing:\n",
        r"volume landing needs lifecycle\.prevent_destroy",
        "landing:",
    ),
    "option": (JOB, "- --since\n", "- --sinse\n", "No such option: --sinse"),
    "argument": (
        JOB,
        'concurrency, default: "128"',
        'concurrency, default: "many"',
        "Invalid value for '--concurrency'",
        "- --concurrency",
    ),
    "job parameter": (JOB, "{{job.parameters.since}}", "{{job.parameters.from}}", "found 'from'"),
    "dynamic value": (JOB, "{{job.parameters.since}}", "{{job.started}}", "is no dynamic value"),
    "task value": (
        JOB,
        "{{job.parameters.since}}",
        "{{tasks.retry_failed.values.x}}",
        "load does not depend on 'retry_failed'",
    ),
    "dependency": (
        JOB,
        "- task_key: load\n          env",
        "- task_key: lod\n          env",
        "'lod'",
    ),
    "circle": (
        JOB,
        "- task_key: load\n          desc",
        "- task_key: load\n          depends_on: [{task_key: retry_failed}]\n          desc",
        "task load waits for itself",
    ),
    "environment": (
        JOB,
        "environment_key: lyceum\n          py",
        "environment_key: leisure\n          py",
        "found 'leisure'",
    ),
    "wheel": ("bundles/jobs.yml", "../dist/*.whl", "../wheels/*.whl", "expected a wheel"),
    "cron": (JOB, "0 0 3 * * ?", "0 0 25 * * ?", "a field is out of its range"),
    "time zone": (JOB, "timezone_id: UTC", "timezone_id: Europe/Basle", "expected a time zone"),
    "yaml": (JOB, "      tasks:", "     tasks:", "this is not YAML"),
    "the same key twice": (
        "resources/outbound.volume.yml",
        "    outbound:",
        "    gold:",
        "the key 'gold' is used twice",
    ),
}


@pytest.mark.parametrize("mistake", PLANTED.values(), ids=PLANTED)
def test_a_planted_mistake_is_caught_with_its_line(copied, mistake):
    file, found, planted, message, *at = mistake
    text = (copied / file).read_text(encoding="utf-8")
    assert found in text
    (copied / file).write_text(text.replace(found, planted, 1), encoding="utf-8")
    problems = check_bundle(copied, complaint=complaint, policy=POLICIES)
    said = {p for p in problems if re.search(message, p.message)}
    assert said, problems
    there = at[0] if at else planted.strip().splitlines()[0]
    assert any(there in line_of(copied, problem) for problem in said), said


def line_of(folder, problem):
    lines = (folder / problem.file).read_text(encoding="utf-8").splitlines()
    return lines[problem.line - 1]


def test_what_a_run_leaves_is_under_its_home(tmp_path):
    config = Config.load(tmp_path / "a home", {}, folder=REPOSITORY)
    bundle = open_bundle(config, REPOSITORY, None, {})
    given = {p["name"]: p["default"] for p in bundle.jobs["events_daily"]["parameters"]}
    assert given == {"landing": "", "out": str(tmp_path / "a home" / "outbound")}
    [settings] = {
        t["python_wheel_task"]["parameters"][3] for t in bundle.jobs["sales_monthly"]["tasks"]
    }
    assert Settings.load(settings=settings).home == tmp_path / "a home"
    assert bundle.pipelines["events"]["configuration"]["lyceum.home"] == str(config.home)

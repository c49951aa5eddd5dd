"""The commands run, jobs, repair and status."""

import json

import pytest

from bundlerun.cli import main


@pytest.fixture
def bundlerun(bundle, capsys, monkeypatch):
    """Run a command in the bundle's folder; gives exit code, output and errors."""
    bundle.folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(bundle.folder)
    monkeypatch.setenv("COLUMNS", "200")

    def bundlerun(*arguments):
        bundle.write()
        code = main(["--home", str(bundle.config.home), *arguments])
        return code, *capsys.readouterr()

    return bundlerun


def test_a_dry_run_shows_the_tasks_in_waves_with_what_they_would_call(bundle, bundlerun):
    bundle.job(
        "job",
        """
        load: {does: 'ok {{job.parameters.day}} {{job.run_id}}', max_retries: 2, timeout_seconds: 60}
        check: {condition_task: {left: '{{tasks.load.values.n}}', op: GREATER_THAN, right: 0}, after: load}
        more: {does: ok, after: check=true, run_if: NONE_FAILED}
        each: {for_each_task: {inputs: '[1]', concurrency: 3, task: {task_key: n, python_wheel_task: {package_name: tried-tasks, entry_point: ok}}}}
        """,
        parameters=[{"name": "day", "default": "mo"}],
    )
    code, out, err = bundlerun("run", "job", "--param", "day=tu", "--dry-run", "--json")
    assert (code, err) == (0, "")
    rows = {row["task"]: row for row in json.loads(out)["rows"]}
    assert {key: row["wave"] for key, row in rows.items()} == {
        "load": 1, "each": 1, "check": 2, "more": 3,
    }  # fmt: skip
    assert rows["load"]["what it does"] == "calls tried-tasks:ok"
    assert rows["load"]["parameters"] == '["tu", "{{job.run_id}}"]'
    assert rows["load"]["options"] == "2 retries, within 60 s"
    assert rows["check"]["what it does"] == "{{tasks.load.values.n}} GREATER_THAN 0"
    assert rows["more"]["after"] == "check=true (NONE_FAILED)"
    assert rows["each"]["what it does"] == "for each of [1]: calls tried-tasks:ok"
    assert rows["each"]["options"] == "3 at once"
    assert not (bundle.config.home / "runs").exists()


def test_a_dry_run_shows_what_cannot_run_here_and_says_so(bundle, bundlerun):
    code, out, err = dry_run_of(bundle, bundlerun, "{a: {dbt_task: {commands: [dbt run]}}, b: ok}")
    assert code == 2
    assert "dbt_task: does not run on this machine" in out
    assert err == (
        "bundlerun: job job cannot run on this machine:\n"
        "  - task a: dbt_task does not run on this machine\n"
    )


def dry_run_of(bundle, bundlerun, tasks):
    bundle.job("job", tasks)
    return bundlerun("run", "job", "--dry-run")


def test_jobs_are_listed_with_schedule_tasks_and_last_run(bundle, bundlerun):
    cron = {"quartz_cron_expression": "0 0 3 * * ?", "timezone_id": "UTC", "pause_status": "PAUSED"}
    bundle.job("nightly", "{a: ok, b: {does: ok, after: a}}", schedule=cron)
    bundle.job("other", "c: ok", trigger={"file_arrival": {"url": "/Volumes/x"}})
    assert bundlerun("--quiet", "run", "nightly")[0] == 0
    rows = json.loads(bundlerun("--json", "jobs")[1])["rows"]
    assert [row["job"] for row in rows] == ["nightly", "other"]
    assert rows[0]["schedule"] == "0 0 3 * * ? UTC (paused)"
    assert rows[0]["tasks"] == "a, b"
    assert rows[0]["state"] == "SUCCESS"
    assert rows[1]["schedule"] == "file_arrival /Volumes/x"
    assert rows[1]["state"] == ""


def test_status_lists_runs_and_shows_one_as_a_tree(bundle, bundlerun):
    bundle.job("child", "{x: ok}")
    bundle.job(
        "job",
        "{a: {run_job_task: {job_id: '${resources.jobs.child.id}'}}, b: {does: fail, after: a}}",
    )
    assert "Nothing has been run yet" in bundlerun("status")[2]
    assert bundlerun("--quiet", "run", "job")[0] == 1
    code, out, _ = bundlerun("status")
    assert code == 0
    assert "ValueError: no luck" in out
    _, out, _ = bundlerun("status", "job")
    assert [line.strip("│├└─ ").split("  ")[0] for line in out.splitlines()[:4]] == [
        "job", "✓ a", "child", "✓ x",
    ]  # fmt: skip
    told = json.loads(bundlerun("--json", "status", "job")[1])
    assert [(a["task"], a["state"]) for a in told["attempts"]] == [
        ("a", "SUCCESS"),
        ("b", "FAILED"),
    ]


def test_the_target_is_local_if_the_bundle_has_it(bundle, bundlerun):
    bundle.job("job", "{a: 'ok ${bundle.target} ${var.who}'}")
    bundle.extra = {
        "targets": {"dev": {"default": True}, "local": {}},
        "variables": {"who": {"default": "nobody"}},
    }
    for arguments, expected in [
        (("--var", "who=me"), '["local", "me"]'),
        (("-t", "dev"), '["dev", "nobody"]'),
    ]:
        out = bundlerun("--json", "run", "job", "--dry-run", *arguments)[1]
        assert json.loads(out)["rows"][0]["parameters"] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nix"), "expected a job of the bundle, found 'nix': it has job"),
        (("run", "job", "--param", "x"), "expected --param NAME=VALUE, found 'x'"),
        (("run", "job", "--param", "x=1"), "it has no parameter x: its parameters are none"),
        (("run", "job", "--only", "a", "--from", "a"), "expected --only or --from, found both"),
        (("run", "job", "-t", "nix"), "expected a target of dev, found 'nix'"),
        (("repair", "nix"), "expected the id of a run, found 'nix': the latest are there is none"),
        (("status", "1"), "expected the id of a run"),
    ],
)
def test_bad_usage_is_told_with_exit_code_2(bundle, bundlerun, arguments, message):
    bundle.job("job", "a: ok")
    code, out, err = bundlerun(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_wheel_that_is_not_installed_is_built_by_the_bundle(bundle, bundlerun):
    source = bundle.folder / "build.py"
    source.write_text(BUILD)
    wheel = {"package_name": "built-here", "entry_point": "main", "parameters": ["x"]}
    bundle.jobs["job"] = {"tasks": [{"task_key": "a", "python_wheel_task": wheel}]}
    bundle.extra = {"artifacts": {"default": {"type": "whl", "build": "python build.py"}}}
    code, _, err = bundlerun("run", "job")
    assert code == 0, err
    [log] = (bundle.config.home / "runs").glob("*/logs/a.1.log")
    assert "built main ['x']" in log.read_text()


BUILD = """
import zipfile, pathlib
pathlib.Path("dist").mkdir()
with zipfile.ZipFile("dist/built_here-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr("built_here.py", "import sys\\ndef main(): print('built', *sys.argv[:1], sys.argv[1:])")
    info = "built_here-1.dist-info"
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: built_here\\nVersion: 1\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
    wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\nmain = built_here:main\\n")
"""


def test_a_wheel_of_the_environment_is_taken_without_a_build(bundle, bundlerun, monkeypatch):
    (bundle.folder / "build.py").write_text(BUILD.replace("built_here", "lying_here"))
    monkeypatch.chdir(bundle.folder)
    exec((bundle.folder / "build.py").read_text())
    wheel = {"package_name": "lying_here", "entry_point": "main"}
    task = {"task_key": "a", "python_wheel_task": wheel, "environment_key": "mine"}
    environment = {"environment_version": "5", "dependencies": ["./dist/*.whl", "requests"]}
    environments = [{"environment_key": "mine", "spec": environment}]
    bundle.jobs["job"] = {"tasks": [task], "environments": environments}
    assert bundlerun("--quiet", "run", "job") == (0, "", "")


def test_a_build_that_fails_fails_the_task(bundle, bundlerun):
    wheel = {"package_name": "never-built", "entry_point": "main"}
    bundle.jobs["job"] = {"tasks": [{"task_key": "a", "python_wheel_task": wheel}]}
    bundle.extra = {
        "artifacts": {"default": {"type": "whl", "build": "echo no compiler >&2; exit 3"}}
    }
    code, _, err = bundlerun("run", "job")
    assert code == 1
    assert "to build a wheel, it ended with 3: no compiler" in err

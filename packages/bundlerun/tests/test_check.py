"""What a job cannot do here is said before anything starts, all of it at once."""

import pytest
from bundle_folder import Bundle, tasks_of

from bundlerun.runner.errors import JobError
from bundlerun.runner.service import Asked


def refusals(bundle: Bundle, key: str = "job") -> list[str]:
    runner = bundle.runner()
    with pytest.raises(JobError, match=f"job {key} cannot run on this machine") as caught:
        runner.run(runner.request(key, Asked()))
    assert not list(runner.config.home.glob("runs/*"))
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("{dbt_task: {commands: [dbt run]}}", "dbt_task does not run on this machine"),
        ("{spark_jar_task: {main_class_name: M}}", "spark_jar_task does not run on this machine"),
        ("{dashboard_task: {dashboard_id: x}}", "dashboard_task does not run on this machine"),
        ("{notification: x}", "expected one kind of task, found none"),
        ("{sql_task: {query: {query_id: x}}}", "a SQL query is of a workspace alone"),
        ("{sql_task: {file: {path: /nix.sql}}}", "no file /nix.sql"),
        ("{sql_task: {file: {path: x.sql, source: GIT}}}", "source: GIT: its file is in a Git"),
        ("{notebook_task: {notebook_path: /Users/me/n}}", "/Users/me/n is a file of a workspace"),
        ("{notebook_task: {notebook_path: /nix}}", "no file /nix"),
        ("{spark_python_task: {python_file: 'dbfs:/x.py'}}", "dbfs:/x.py"),
        ("{pipeline_task: {pipeline_id: abc}}", "pipeline abc is not in the bundle"),
        ("{run_job_task: {job_id: 123}}", "job 123 is not in the bundle"),
        ("{condition_task: {op: LIKE, left: a, right: b}}", "expected op of EQUAL_TO, NOT_EQUAL"),
        ("{does: nix}", "package tried-tasks has no entry point nix"),
        ("{python_wheel_task: {package_name: nix-x, entry_point: m}}", "package nix-x is not"),
        ("{python_wheel_task: {package_name: x}}", "expected entry_point, found none"),
        ("{does: ok, run_if: SOMETIMES}", "expected run_if of ALL_SUCCESS, AT_LEAST_ONE_SUCCESS"),
        ("{does: ok, after: nix}", "it depends on a task nix that is not there"),
        ("{does: ok, after: first=true}", "first is no condition and has no outcome"),
        ("{does: 'ok {{tasks.first.values.x}}'}", "it does not depend on a task first"),
        ("{does: 'ok {{job.parameters.x}}'}", "{{job.parameters.x}}: there is no job parameter x"),
        ("{does: 'ok {{backfill.iso_date}}'}", "nothing of the kind starts a run here"),
        (
            "{for_each_task: {inputs: '[]', task: {task_key: n, dbt_task: {}}}}",
            "n: dbt_task does not run on this machine",
        ),
        (
            "{for_each_task: {inputs: '[]', task: {task_key: n, for_each_task: {inputs: '[]'}}}}",
            "a for_each_task cannot repeat another",
        ),
    ],
)
def test_a_task_that_cannot_run_here_is_refused(bundle, task, expected):
    bundle.job("job", "first: ok")
    bundle.jobs["job"]["tasks"] += tasks_of(f"task: {task}")
    [found] = refusals(bundle)
    assert found.startswith("task task: ")
    assert expected in found


def test_all_problems_are_told_at_once(bundle):
    bundle.job("child", "x: {dbt_task: {commands: []}}")
    tasks = "{a: {does: nix}, b: {run_job_task: {job_id: '${resources.jobs.child.id}'}}}"
    bundle.job("job", tasks, parameters=[{"name": "p", "default": "{{task.name}}"}])
    assert refusals(bundle) == [
        "parameter p: {{task.name}}: there is no task yet",
        "task a: package tried-tasks has no entry point nix",
        "job child: task x: dbt_task does not run on this machine",
    ]


def test_a_key_that_a_workspace_refuses_is_refused_here(bundle):
    bundle.job("job", "{../a: ok, b: ok}")
    assert refusals(bundle) == ["task '../a': expected a task_key of letters, digits, _ and -"]


def test_a_circle_of_tasks_is_refused(bundle):
    bundle.job("job", "{a: {does: ok, after: b}, b: {does: ok, after: a}}")
    [found] = refusals(bundle)
    assert found.startswith("its tasks wait for each other: ")


def test_a_circle_of_jobs_is_refused(bundle):
    bundle.job("job", "run: {run_job_task: {job_id: '${resources.jobs.other.id}'}}")
    bundle.job("other", "run: {run_job_task: {job_id: '${resources.jobs.job.id}'}}")
    assert "job other: task run: jobs run each other: job -> other -> job" in refusals(bundle)


def test_a_parameter_that_another_job_does_not_have_is_refused(bundle):
    bundle.job("child", "a: ok")
    run = "{run_job_task: {job_id: '${resources.jobs.child.id}', job_parameters: {x: 1}}}"
    bundle.job("job", f"run: {run}")
    assert refusals(bundle) == ["task run: job child has no parameter x"]


def test_a_disabled_task_may_be_of_any_kind(bundle):
    record = bundle.job("job", "{a: {dbt_task: {}, disabled: true}, b: ok}").run()
    assert record.state == "SUCCESS"


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"parameters": {"nix": "1"}}, "it has no parameter nix: its parameters are day"),
        ({"only": ["nix"]}, "it has no task nix: its tasks are a, b"),
        ({"start_from": "nix"}, "it has no task nix: its tasks are a, b"),
    ],
)
def test_unknown_names_are_refused(bundle, asked, problem):
    bundle.job("job", "{a: ok, b: ok}", parameters=[{"name": "day", "default": ""}])
    with pytest.raises(JobError, match=problem):
        bundle.run(**asked)


def test_a_value_of_a_task_that_is_left_out_is_refused(bundle):
    bundle.job("job", "{a: value x 1, b: {does: 'ok {{tasks.a.values.x}}', after: a}}")
    with pytest.raises(JobError, match="it does not depend on a task a"):
        bundle.run(only=["b"])

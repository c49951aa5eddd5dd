"""Small jobs and the states that their tasks end in.

Lakeflow Jobs: https://docs.databricks.com/jobs/run-if.html, /jobs/if-else.html, /jobs/for-each.html,
/jobs/control-flow.html (retries), /aws/en/jobs/disabled-tasks; the fields of tasks:
https://docs.databricks.com/api/workspace/jobs/create
"""

import json

import pytest
import yaml
from bundle_folder import FastClock, log, states

from bundlerun.runner.record import found_run

# Jobs in short form, each followed by the states of its tasks and of the run.
JOBS = """
tasks in a row:
  tasks: {a: ok, b: {does: ok, after: a}}
  ends: {a: SUCCESS, b: SUCCESS, run: SUCCESS}
a failure stops what follows, not what stands beside:
  tasks: {a: fail, b: {does: ok, after: a}, c: {does: ok, after: b}, d: ok}
  ends: {a: FAILED, b: UPSTREAM_FAILED, c: UPSTREAM_FAILED, d: SUCCESS, run: FAILED}
a clean-up task dims a failure:
  tasks: {a: fail, clean: {does: ok, after: a, run_if: ALL_DONE}}
  ends: {a: FAILED, clean: SUCCESS, run: SUCCESS_WITH_FAILURES}
an alarm is excluded when all is well:
  tasks: {a: ok, alarm: {does: ok, after: a, run_if: AT_LEAST_ONE_FAILED}}
  ends: {a: SUCCESS, alarm: EXCLUDED, run: SUCCESS}
an alarm is raised when one failed:
  tasks: {a: ok, b: fail, alarm: {does: ok, after: [a, b], run_if: AT_LEAST_ONE_FAILED}}
  ends: {a: SUCCESS, b: FAILED, alarm: SUCCESS, run: SUCCESS_WITH_FAILURES}
one success of two is enough:
  tasks: {a: ok, b: fail, c: {does: ok, after: [a, b], run_if: AT_LEAST_ONE_SUCCESS}}
  ends: {a: SUCCESS, b: FAILED, c: SUCCESS, run: SUCCESS_WITH_FAILURES}
all failed:
  tasks: {a: fail, b: fail, c: {does: ok, after: [a, b], run_if: ALL_FAILED}}
  ends: {a: FAILED, b: FAILED, c: SUCCESS, run: SUCCESS_WITH_FAILURES}
the branch taken:
  tasks:
    if: {condition_task: {left: '10', op: GREATER_THAN, right: '9.5'}}
    then: {does: ok, after: if=true}
    else: {does: ok, after: if=false}
    after_else: {does: ok, after: else}
    join: {does: ok, after: [then, else], run_if: NONE_FAILED}
  ends: {if: SUCCESS, then: SUCCESS, else: EXCLUDED, after_else: EXCLUDED, join: SUCCESS, run: SUCCESS}
a condition on text:
  tasks: {if: {condition_task: {left: '12.0', op: EQUAL_TO, right: '12'}}, then: {does: ok, after: if=true}}
  ends: {if: SUCCESS, then: EXCLUDED, run: SUCCESS}
a condition that cannot be told fails:
  tasks: {if: {condition_task: {left: many, op: LESS_THAN, right: '1'}}, then: {does: ok, after: if=true}}
  ends: {if: FAILED, then: UPSTREAM_FAILED, run: FAILED}
a disabled task:
  tasks: {a: {does: fail, disabled: true}, b: {does: ok, after: a}, c: {does: ok, after: a, run_if: ALL_DONE}}
  ends: {a: DISABLED, b: DISABLED, c: SUCCESS, run: SUCCESS}
exit codes:
  tasks: {zero: code 0, three: code 3, left: leave 0, left_badly: leave 4}
  ends: {zero: SUCCESS, three: FAILED, left: SUCCESS, left_badly: FAILED, run: FAILED}
retries until it works:
  tasks: {a: {does: flaky one 2, max_retries: 2}}
  ends: {a: SUCCESS, run: SUCCESS}
retries are used up:
  tasks: {a: {does: flaky two 2, max_retries: 1}}
  ends: {a: FAILED, run: FAILED}
retries without end:
  tasks: {a: {does: flaky three 5, max_retries: -1}}
  ends: {a: SUCCESS, run: SUCCESS}
a time-out is not retried:
  tasks: {a: {does: linger, timeout_seconds: 10, max_retries: 3}, b: {does: ok, after: a}}
  ends: {a: TIMEDOUT, b: UPSTREAM_FAILED, run: FAILED}
a loop:
  tasks: {each: {for_each_task: {inputs: '["x", "y"]', task: {task_key: one, python_wheel_task: {package_name: tried-tasks, entry_point: ok, parameters: ['{{input}}']}}}}}
  ends: {each: SUCCESS, 'each[0]': SUCCESS, 'each[1]': SUCCESS, run: SUCCESS}
a loop over nothing:
  tasks: {each: {for_each_task: {inputs: '[]', task: {task_key: one, python_wheel_task: {package_name: tried-tasks, entry_point: ok}}}}}
  ends: {each: SUCCESS, run: SUCCESS}
an iteration that fails does not stop the others:
  tasks: {each: {for_each_task: {inputs: '[0, 1, 0]', concurrency: 2, task: {task_key: one, python_wheel_task: {package_name: tried-tasks, entry_point: code, parameters: ['{{input}}']}}}}}
  ends: {each: FAILED, 'each[0]': SUCCESS, 'each[1]': FAILED, 'each[2]': SUCCESS, run: FAILED}
a value decides:
  tasks:
    a: value rows 5
    if: {condition_task: {left: '{{tasks.a.values.rows}}', op: GREATER_THAN, right: '4'}, after: a}
    then: {does: ok, after: if=true}
  ends: {a: SUCCESS, if: SUCCESS, then: SUCCESS, run: SUCCESS}
the result of a task decides:
  tasks:
    a: fail
    if: {condition_task: {left: '{{tasks.a.result_state}}', op: EQUAL_TO, right: failed}, after: a, run_if: ALL_DONE}
    mend: {does: ok, after: if=true}
  ends: {a: FAILED, if: SUCCESS, mend: SUCCESS, run: SUCCESS_WITH_FAILURES}
a value that is not set fails who asks:
  tasks: {a: ok, b: {does: 'ok {{tasks.a.values.nix}}', after: a}}
  ends: {a: SUCCESS, b: FAILED, run: FAILED}
"""
CASES = yaml.safe_load(JOBS)


@pytest.mark.parametrize("name", CASES)
def test_a_job_ends_as_lakeflow_jobs_says(bundle, name):
    case = CASES[name]
    record = bundle.job("job", yaml.safe_dump(case["tasks"], sort_keys=False)).run()
    assert {**states(record), "run": record.state} == case["ends"]


def test_tasks_get_their_parameters_resolved(bundle):
    bundle.job(
        "job",
        """
        a: 'value name "world"'
        b: {does: 'ok {{job.name}} {{tasks.a.values.name}} {{job.parameters.day}} {{task.name}}', after: a}
        c:
          after: b
          python_wheel_task:
            package_name: tried-tasks
            entry_point: ok
            named_parameters: {attempt: '{{task.execution_count}}', day: overridden}
        """,
        parameters=[{"name": "day", "default": "monday"}, {"name": "flag", "default": True}],
    )
    record = bundle.run(parameters={"day": "{{job.start_time.is_weekday}}"})
    weekday = record.facts["parameters"]["day"]
    assert weekday == "{{job.start_time.is_weekday}}"
    found = log(record, "b").split()
    assert found[:3] == ["args:", "job", "world"]
    assert found[3] in ("true", "false")
    assert found[4] == "b"
    assert log(record, "c") == f"args: --attempt=1 --day={found[3]} --flag=true\n"


def test_iterations_get_their_input(bundle):
    task = """
        each:
          for_each_task:
            inputs: '{{job.parameters.days}}'
            concurrency: 2
            task:
              task_key: one
              python_wheel_task:
                package_name: tried-tasks
                entry_point: ok
                parameters: ['{{input.day}}', '{{task.name}}', '{{tasks.a.values.x}}']
          after: a
        a: value x 1
    """
    days = [{"name": "days", "default": '[{"day": "mo"}, {"day": "tu"}]'}]
    record = bundle.job("job", task, parameters=days).run()
    assert log(record, "each[0]") == "args: mo one 1\n"
    assert log(record, "each[1]") == "args: tu one 1\n"


def test_parallel_tasks_have_their_own_arguments_and_output(bundle):
    record = bundle.job("job", "{a: meet one, b: meet two}").run()
    assert record.state == "SUCCESS"
    assert log(record, "a") == "I am one ['one', 'changed']\nthread of one\n"
    assert log(record, "b") == "I am two ['two', 'changed']\nthread of two\n"


def test_task_values_reach_python_through_dbutils(bundle):
    record = bundle.job("job", "{a: 'value x [1]', b: {does: read_value a x, after: a}}").run()
    assert log(record, "b") == "got [1]\n"


def test_a_script_is_executed(bundle, tmp_path):
    script = tmp_path / "bundle" / "script.py"
    script.write_text(
        "import sys\nif __name__ == '__main__':\n    print(__file__[-9:], sys.argv[1:])"
    )
    task = "a: {spark_python_task: {python_file: ./script.py, parameters: [x, '{{job.name}}']}}"
    record = bundle.job("job", task).run()
    assert log(record, "a") == "script.py ['x', 'job']\n"


def test_a_failure_says_what_where_and_which_attempt(bundle):
    record = bundle.job("job", "{a: {does: fail, max_retries: 1}}").run()
    assert [a.number for a in record.attempts] == [1, 2]
    last = record.last()["a"]
    assert last.error == "ValueError: no luck"
    assert last.facts["error_code"] == "RunExecutionError"
    assert "about to fail" in log(record, "a")
    assert "tried_tasks.py" in log(record, "a")


def test_the_pause_is_from_the_start_of_an_attempt_to_the_start_of_the_next(bundle):
    task = "{a: {does: flaky paused 1, max_retries: 1, min_retry_interval_millis: 20000}}"
    events = []
    record = bundle.job("job", task).run(listeners=[events.append])
    first, second = (attempt.started_at for attempt in record.attempts)
    assert 20 / FastClock.speed <= second - first < 20 / FastClock.speed + 5
    [waiting] = [event for event in events if event["event"] == "task_waiting"]
    assert waiting["state"] == "WAITING_FOR_RETRY"
    assert waiting["seconds"] <= 20


def test_a_time_out_is_retried_if_it_is_so_said(bundle):
    tasks = "{a: {does: linger, timeout_seconds: 30, max_retries: 1, retry_on_timeout: true}}"
    record = bundle.job("job", tasks).run()
    assert [(a.number, a.state) for a in record.attempts] == [(1, "TIMEDOUT"), (2, "TIMEDOUT")]
    assert record.last()["a"].error == "it took longer than 30 s"
    assert log(record, "a") == "lingering\ncleaned up\n"


def test_the_time_out_of_a_job_ends_what_runs_and_what_waits(bundle):
    tasks = "{a: linger, b: {does: ok, after: a}, c: ok}"
    record = bundle.job("job", tasks, timeout_seconds=60).run()
    assert states(record) == {"a": "TIMEDOUT", "b": "CANCELED", "c": "SUCCESS"}
    assert record.state == "TIMEDOUT"


def test_a_job_runs_another_with_parameters(bundle):
    bundle.job("child", "{a: 'ok {{job.parameters.who}} {{job.trigger.type}}'}",
               parameters=[{"name": "who", "default": "nobody"}])  # fmt: skip
    bundle.job(
        "job",
        """
        run: {run_job_task: {job_id: '${resources.jobs.child.id}', job_parameters: {who: me}}}
        after: {does: ok, after: run}
        """,
        parameters=[{"name": "other", "default": "x"}],
    )
    record = bundle.run()
    assert states(record) == {"run": "SUCCESS", "after": "SUCCESS"}
    child = found_run(record.folder.parent, record.last()["run"].facts["child_run"])
    assert child.facts["parent"] == {"run": record.run_id, "task": "run"}
    assert log(child, "a") == "args: me run_job_task\n"


def test_the_failure_of_a_child_is_that_of_its_task(bundle):
    bundle.job("child", "{a: fail}")
    bundle.job("job", "{run: {run_job_task: {job_id: '${resources.jobs.child.id}'}}}")
    record = bundle.run()
    assert states(record) == {"run": "FAILED"}
    assert record.last()["run"].error.endswith("of job child ended FAILED")


def test_the_time_out_of_a_task_ends_the_job_that_it_runs(bundle):
    bundle.job("child", "{a: linger}")
    child = "{run_job_task: {job_id: '${resources.jobs.child.id}'}, timeout_seconds: 20}"
    record = bundle.job("job", f"run: {child}").run()
    assert states(record) == {"run": "TIMEDOUT"}
    child = found_run(record.folder.parent, record.last()["run"].facts["child_run"])
    assert (child.state, states(child)) == ("TIMEDOUT", {"a": "TIMEDOUT"})


def test_only_the_chosen_tasks_are_run(bundle):
    bundle.job("job", "{a: fail, b: {does: ok, after: a}, c: {does: ok, after: b}, d: ok}")
    assert states(bundle.run(only=["b", "d"])) == {"b": "SUCCESS", "d": "SUCCESS"}
    assert states(bundle.run(start_from="b")) == {"b": "SUCCESS", "c": "SUCCESS"}


def test_the_journal_tells_every_event(bundle):
    events = []
    record = bundle.job("job", "{a: ok}").run(listeners=[events.append])
    assert [event["event"] for event in events] == [
        "run_started", "run_state", "task_started", "task_ended", "run_ended",
    ]  # fmt: skip
    lines = (record.folder / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == [event["event"] for event in events]

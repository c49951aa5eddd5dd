"""Runs that ended badly and are repaired.

https://docs.databricks.com/api/jobs/v2/repair.md: tasks are run again within the original run, with
the present settings of the job.
"""

from threading import Event, Thread

import pytest
from bundle_folder import log, states, tasks_of

from bundlerun.runner.errors import UnknownRunError
from bundlerun.runner.record import all_runs, found_run, run_record
from bundlerun.runner.service import Asked


def repaired(bundle, record, **given):
    return bundle.runner().repair(record, given)[0]


def ran(record, repair):
    """The attempts that a repair made."""
    return [(a.task, a.number, a.state) for a in record.attempts if a.repair == repair]


def test_a_repair_runs_what_failed_and_what_depends_on_it(bundle):
    bundle.job("job", "{a: ok, b: {does: flaky mend 1, after: a}, c: {does: ok, after: b}, d: ok}")
    record = bundle.run()
    assert states(record) == {"a": "SUCCESS", "b": "FAILED", "c": "UPSTREAM_FAILED", "d": "SUCCESS"}
    again = repaired(bundle, record)
    assert again.run_id == record.run_id
    assert ran(again, 1) == [("b", 2, "SUCCESS"), ("c", 1, "SUCCESS")]
    assert again.state == "SUCCESS"


def test_a_dependent_task_that_had_succeeded_is_run_again(bundle):
    bundle.job("job", "{a: flaky dep 1, b: {does: ok, after: a, run_if: ALL_DONE}}")
    again = repaired(bundle, bundle.run())
    assert ran(again, 1) == [("a", 2, "SUCCESS"), ("b", 2, "SUCCESS")]


def test_a_repair_uses_the_present_settings_and_the_values_of_the_run(bundle):
    tasks = "{a: value x 1, b: {does: fail, after: a}}"
    bundle.job("job", tasks, parameters=[{"name": "day", "default": "mo"}])
    record = bundle.run(parameters={"day": "tu"})
    mended = "ok {{tasks.a.values.x}} {{job.parameters.day}} {{job.repair_count}} {{job.run_id}}"
    bundle.job("job", "{a: value x 1}", parameters=bundle.jobs["job"]["parameters"])
    bundle.jobs["job"]["tasks"] += tasks_of(f"b: {{does: '{mended}', after: a}}")
    again = repaired(bundle, record)
    assert log(again, "b") == f"args: 1 tu 1 {record.run_id}\n"
    assert again.facts["parameters"] == {"day": "tu"}


def test_only_the_iterations_that_failed_are_repeated(bundle):
    loop = """
        each:
          for_each_task:
            inputs: '["0", "1"]'
            task:
              task_key: one
              python_wheel_task: {package_name: tried-tasks, entry_point: flaky, parameters: ['each {{input}}', '{{input}}']}
    """
    record = bundle.job("job", loop).run()
    assert states(record) == {"each": "FAILED", "each[0]": "SUCCESS", "each[1]": "FAILED"}
    again = repaired(bundle, record)
    assert ran(again, 1) == [("each", 2, "SUCCESS"), ("each[1]", 2, "SUCCESS")]


def test_a_run_that_succeeded_needs_no_repair(bundle):
    record = bundle.job("job", "a: ok").run()
    with pytest.raises(
        UnknownRunError, match=r"expected a task of run \d+ that failed, found none"
    ):
        repaired(bundle, record)


def test_a_secret_parameter_is_not_kept_and_asked_for_again(bundle):
    tasks = "a: {does: 'fail {{job.parameters.api_token}}'}"
    bundle.job("job", tasks, parameters=[{"name": "api_token", "default": ""}])
    record = bundle.run(parameters={"api_token": "0123456789"})
    assert "0123456789" not in (record.folder / "journal.jsonl").read_text()
    with pytest.raises(UnknownRunError, match=r"expected --param api_token=\.\.\., found none"):
        repaired(bundle, record)
    assert repaired(bundle, record, api_token="x1").state == "FAILED"


def test_runs_are_found_by_their_id_its_end_or_their_job(bundle):
    bundle.job("job", "a: ok").job("other", "a: ok")
    first, second = bundle.run(), bundle.run("other")
    runs = first.folder.parent
    assert found_run(runs, first.run_id).run_id == first.run_id
    assert found_run(runs, second.run_id[-7:]).run_id == second.run_id
    assert found_run(runs, "job").run_id == first.run_id
    with pytest.raises(UnknownRunError, match="expected the id of a run, found 'nix': the latest"):
        found_run(runs, "nix")


def test_a_journal_that_was_cut_off_in_a_line_is_read_up_to_it(bundle):
    record = bundle.job("job", "{a: ok, b: {does: fail, after: a}}").run()
    journal = record.folder / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    ended = next(n for n, line in enumerate(lines) if '"task_ended"' in line)
    journal.write_text("".join(lines[: ended + 2]) + lines[ended + 2][:20])
    assert not run_record(record.folder).is_over
    [dead] = all_runs(record.folder.parent)
    assert (dead.state, dead.parts[-1].error) == ("FAILED", "its process died")
    assert states(dead) == {"a": "SUCCESS", "b": "FAILED"}
    assert dead.last()["b"].error == "its process died"


def test_a_run_killed_at_any_moment_is_repaired_without_doing_again_what_is_done(bundle):
    """The journal cut off after each of its lines is what a kill at that moment leaves."""
    bundle.job(
        "job",
        """
        a: value x 1
        b: {does: 'ok {{tasks.a.values.x}}', after: a}
        if: {condition_task: {left: '{{tasks.a.values.x}}', op: EQUAL_TO, right: '1'}, after: a}
        c: {does: ok, after: if=true}
        d: {does: ok, after: if=false}
        e: {does: ok, after: [b, c, d], run_if: NONE_FAILED}
        """,
    )
    whole = bundle.run()
    lines = (whole.folder / "journal.jsonl").read_text().splitlines(keepends=True)
    for length in range(1, len(lines)):
        folder = whole.folder.parent / f"{int(whole.run_id) + length}"
        folder.mkdir()
        (folder / "journal.jsonl").write_text("".join(lines[:length]))
        dead = found_run(whole.folder.parent, folder.name)
        assert (dead.state, dead.parts[0].error) == ("FAILED", "its process died")
        done = {key for key, state in states(dead).items() if state in ("SUCCESS", "EXCLUDED")}
        again = repaired(bundle, dead)
        assert states(again) == states(whole), length
        assert again.state == "SUCCESS"
        assert {task for task, _, _ in ran(again, 1)} == set(states(whole)) - done


def test_a_job_runs_no_more_often_at_once_than_it_says(bundle):
    """A run too many is skipped if the job does not queue; else it waits."""
    bundle.job("job", "a: {does: linger, timeout_seconds: 50}", queue={"enabled": False})
    runner, started = bundle.runner(), Event()
    seen = lambda event: started.set() if event["event"] == "task_started" else None  # noqa: E731
    request = runner.request("job", Asked())
    first = Thread(target=runner.run, args=(request, seen))
    first.start()
    assert started.wait(10)
    second = bundle.run()
    assert second.state == "MAXIMUM_CONCURRENT_RUNS_REACHED"
    assert second.attempts == []
    bundle.jobs["job"]["queue"]["enabled"] = True
    states_seen = []
    third = bundle.run(listeners=[lambda event: states_seen.append(event.get("state"))])
    first.join()
    assert states_seen[1] == "QUEUED"
    assert third.state == "FAILED"

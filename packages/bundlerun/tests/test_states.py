"""Run-if conditions and results of runs, as the documentation of Lakeflow Jobs states them.

- https://docs.databricks.com/jobs/run-if.html (conditions, Excluded, leaf tasks)
- https://docs.databricks.com/aws/en/jobs/disabled-tasks (disabled tasks)
- https://docs.databricks.com/jobs/if-else.html (branches)
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundlerun.runner.flow import Ended, Flow
from bundlerun.runner.model import task_of
from bundlerun.runner.states import RUN_IF, UNSUCCESSFUL, Result, run_result, skipped

SHORT = {
    "S": Result.SUCCESS,
    "F": Result.FAILED,
    "T": Result.TIMEDOUT,
    "C": Result.CANCELED,
    "X": Result.EXCLUDED,
    "D": Result.DISABLED,
    "UF": Result.UPSTREAM_FAILED,
    "UC": Result.UPSTREAM_CANCELED,
    "SF": Result.SUCCESS_WITH_FAILURES,
    "run": None,
}

# What a task does after dependencies that ended so; D stands for disabled, X for excluded.
CONDITIONS = """
    dependencies | ALL_SUCCESS | AT_LEAST_ONE_SUCCESS | NONE_FAILED | ALL_DONE | AT_LEAST_ONE_FAILED | ALL_FAILED
    S S          | run         | run                  | run         | run      | X                   | X
    S SF         | run         | run                  | run         | run      | X                   | X
    S F          | UF          | run                  | UF          | run      | run                 | X
    F F          | UF          | UF                   | UF          | run      | run                 | run
    F UF         | UF          | UF                   | UF          | run      | run                 | run
    S T          | UF          | run                  | UF          | run      | run                 | X
    S X          | X           | run                  | run         | run      | X                   | X
    F X          | UF          | UF                   | UF          | run      | run                 | X
    X X          | X           | X                    | X           | X        | X                   | X
    S C          | UC          | run                  | UC          | run      | run                 | X
    UC C         | UC          | UC                   | UC          | run      | run                 | run
    F C          | UF          | UF                   | UF          | run      | run                 | run
    S D          | D           | run                  | run         | run      | D                   | D
    F D          | UF          | UF                   | UF          | run      | run                 | D
    D D          | D           | D                    | D           | run      | D                   | D
"""


def drawn(table):
    header, *lines = [[c.strip() for c in line.split("|")] for line in table.strip().splitlines()]
    return [
        (name, line[0].split(), cell)
        for line in lines
        for name, cell in zip(header[1:], line[1:], strict=True)
    ]


@pytest.mark.parametrize(("run_if", "dependencies", "expected"), drawn(CONDITIONS))
def test_a_condition_decides_on_what_the_dependencies_ended_as(run_if, dependencies, expected):
    assert skipped(run_if, [SHORT[name] for name in dependencies]) is SHORT[expected]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ("a=S b(a)=S", "S"),
        ("a=F b(a)=S", "SF"),
        ("a=S b(a)=F", "F"),
        ("a=F b(a)=UF", "F"),
        ("a=S b(a)=T", "F"),
        ("a=S b(a)=X", "S"),
        ("a=D b(a)=D", "S"),
        ("a=C b(a)=UC", "C"),
        ("a=C b(a)=UC c=F", "F"),
        ("a=F b(a)=X c(a)=S", "SF"),
    ],
)
def test_the_leaf_tasks_decide_on_the_result_of_a_run(results, expected):
    parts = [part.partition("=") for part in results.split()]
    named = [(name.partition("("), result) for name, _, result in parts]
    tasks = [
        task_of({"task_key": key, "depends_on": [{"task_key": after[0]}] if after else []})
        for (key, _, after), _ in named
    ]
    ended = {key: SHORT[result] for (key, _, _), result in named}
    assert run_result(tasks, ended) is SHORT[expected]


def task(key, *after, **settings):
    needed = [
        {"task_key": name, "outcome": outcome} if outcome else {"task_key": name}
        for name, _, outcome in (a.partition("=") for a in after)
    ]
    return task_of({"task_key": key, "depends_on": needed, **settings})


def keys(tasks):
    return [task.key for task in tasks]


def test_tasks_start_when_all_that_they_depend_on_has_ended():
    flow = Flow([task("a"), task("b"), task("c", "a", "b")])
    assert keys(flow.startable()[0]) == ["a", "b"]
    flow.end("a", Ended(Result.SUCCESS))
    assert flow.startable() == ([], [])
    flow.end("b", Ended(Result.SUCCESS))
    assert keys(flow.startable()[0]) == ["c"]
    assert not flow.is_over
    flow.end("c", Ended(Result.SUCCESS))
    assert flow.is_over
    assert flow.result is Result.SUCCESS


def test_the_branch_that_is_not_taken_is_excluded_with_all_that_follows():
    flow = Flow([task("if"), task("yes", "if=true"), task("no", "if=false"), task("end", "no")])
    flow.startable()
    flow.end("if", Ended(Result.SUCCESS, "true"))
    started, skips = flow.startable()
    assert (keys(started), keys(skips)) == (["yes"], ["no", "end"])
    assert flow.ended["end"].result is Result.EXCLUDED


def test_a_task_after_both_branches_runs_if_it_asks_for_none_failed():
    """With ALL_SUCCESS it is excluded, since the other branch has not run."""
    for run_if, expected in (("NONE_FAILED", None), ("ALL_SUCCESS", Result.EXCLUDED)):
        branches = [task("if"), task("yes", "if=true"), task("no", "if=false")]
        flow = Flow([*branches, task("end", "yes", "no", run_if=run_if)])
        flow.startable()
        flow.end("if", Ended(Result.SUCCESS, "true"))
        flow.startable()
        flow.end("yes", Ended(Result.SUCCESS))
        started, _ = flow.startable()
        assert keys(started) == (["end"] if expected is None else [])


def test_a_condition_that_failed_fails_both_branches():
    flow = Flow([task("if"), task("yes", "if=true"), task("no", "if=false")])
    flow.startable()
    flow.end("if", Ended(Result.FAILED))
    flow.startable()
    assert {flow.ended[key].result for key in ("yes", "no")} == {Result.UPSTREAM_FAILED}


def test_a_disabled_task_is_skipped():
    flow = Flow([task("a", disabled=True), task("b", "a"), task("c", "a", run_if="ALL_DONE")])
    started, skips = flow.startable()
    assert (keys(started), keys(skips)) == (["c"], ["a", "b"])
    assert flow.ended["b"].result is Result.DISABLED


def test_what_has_not_started_can_be_abandoned():
    flow = Flow([task("a"), task("b", "a")])
    flow.startable()
    assert keys(flow.abandon(Result.CANCELED)) == ["b"]
    flow.end("a", Ended(Result.CANCELED))
    assert flow.result is Result.CANCELED


@st.composite
def graphs(draw):
    """Tasks that depend on earlier ones under any condition, and how each would end if run."""
    size = draw(st.integers(1, 8))
    tasks = []
    for number in range(size):
        earlier = st.sampled_from([f"t{n}" for n in range(number)])
        after = draw(st.lists(earlier, unique=True, max_size=3)) if number else []
        run_if = draw(st.sampled_from(sorted(RUN_IF)))
        disabled = draw(st.integers(0, 9)) == 0
        tasks.append(task(f"t{number}", *after, run_if=run_if, disabled=disabled))
    ends = st.sampled_from([Result.SUCCESS, Result.FAILED, Result.TIMEDOUT, Result.CANCELED])
    return tasks, {one.key: draw(ends) for one in tasks}


@given(graphs())
def test_every_task_of_any_graph_ends_once_after_those_before_it(graph):
    tasks, ends = graph
    flow, order = Flow(tasks), []
    while not flow.is_over:
        started, skips = flow.startable()
        order += skips
        assert started or flow.is_over
        for one in started:
            assert all(key in flow.ended for key in one.upstream)
        for one in started:
            flow.end(one.key, Ended(ends[one.key]))
            order.append(one)
    assert sorted(keys(order)) == sorted(keys(tasks))
    results = {key: ended.result for key, ended in flow.ended.items()}
    for one in tasks:
        upstream = [results[key] for key in one.upstream]
        expected = Result.DISABLED if one.is_disabled else skipped(one.run_if, upstream)
        assert results[one.key] is (expected or ends[one.key])
    assert (flow.result is Result.SUCCESS) == (not UNSUCCESSFUL & set(results.values()))

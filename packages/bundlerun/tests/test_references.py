"""Dynamic value references.

https://docs.databricks.com/en/jobs/parameter-value-references.html
"""

from datetime import UTC, datetime

import pytest

from bundlerun.runner.errors import TaskError
from bundlerun.runner.references import Names, Scope, TaskFacts, problem, references, resolved

LOADED = TaskFacts(
    facts={
        "run_id": 12,
        "result_state": "success",
        "error_code": None,
        "execution_count": 2,
        "notebook_path": "",
    },
    values={"rows": 5, "is_new": True, "odd key": "x", "list": ["a", {"k": 1}], "text": "t"},
    output={"rows": [{"n": 1}], "first_row": {"n": 1}},
)
SCOPE = Scope(
    job={"id": 7, "name": "nightly", "run_id": "123", "repair_count": 0},
    # A Saturday.
    start_time=datetime(2026, 11, 21, 4, 5, 6, 789000, tzinfo=UTC),
    trigger="one_time",
    parameters={"day": "2026-01-31", "odd-name$": "v"},
    task={"name": "publish", "run_id": 11, "execution_count": 3, "notebook_path": "/n"},
    tasks={"load": LOADED},
    input={"key": "k1", "nested": {"n": [1, 2]}},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{job.id}}/{{job.name}}/{{job.run_id}}/{{job.repair_count}}", "7/nightly/123/0"),
        ("{{ job.parameters.day }}", "2026-01-31"),
        ("{{job.parameters.`odd-name$`}}", "v"),
        ("{{job.start_time.iso_date}}", "2026-11-21"),
        ("{{job.start_time.iso_datetime}}", "2026-11-21T04:05:06"),
        ("{{job.start_time.year}}-{{job.start_time.month}}-{{job.start_time.day}}", "2026-11-21"),
        ("{{job.start_time.hour}}:{{job.start_time.minute}}:{{job.start_time.second}}", "4:5:6"),
        ("{{job.start_time.timestamp_ms}}", "1795233906789"),
        ("{{job.start_time.iso_weekday}} {{job.start_time.is_weekday}}", "6 false"),
        ("{{job.trigger.type}} {{job.trigger.time.iso_date}}", "one_time 2026-11-21"),
        ("{{task.name}} {{task.run_id}} {{task.execution_count}}", "publish 11 3"),
        ("{{task.notebook_path}}", "/n"),
        ("{{tasks.load.values.rows}} {{tasks.load.values.is_new}}", "5 true"),
        ("{{tasks.load.values.`odd key`}}", "x"),
        ("{{tasks.load.values.list}}", '["a", {"k": 1}]'),
        ("{{tasks.load.result_state}} {{tasks.load.error_code}}", "success null"),
        ("{{tasks.load.execution_count}} {{tasks.load.run_id}}", "2 12"),
        ("{{tasks.load.output.rows}}", '[{"n": 1}]'),
        ("{{tasks.load.output.first_row.n}}", "1"),
        ("{{input.key}} {{input.nested.n}}", "k1 [1, 2]"),
        ("{{input}}", '{"key": "k1", "nested": {"n": [1, 2]}}'),
        ("{{workspace.id}}", "0"),
        ("{{run_id}} {{job_id}} {{start_date}}", "11 7 2026-11-21"),
        # What is no reference stays as it is.
        ("{{my.value}} {{job.id} {job.id}} {{}} {{ 1 + 1 }}", "{{my.value}} {{job.id} {job.id}} {{}} {{ 1 + 1 }}"),
    ],
)  # fmt: skip
def test_a_reference_is_replaced_by_its_value(text, expected):
    assert resolved(text, SCOPE) == expected


def test_references_are_found_however_deep_they_stand():
    value = {"a": ["{{job.id}}", {"b": "x{{task.name}}"}], "n": 5}
    assert resolved(value, SCOPE) == {"a": ["7", {"b": "xpublish"}], "n": 5}
    assert [path for _, path in references(value)] == [("job", "id"), ("task", "name")]


def test_a_value_that_nobody_has_set_is_an_error():
    with pytest.raises(TaskError, match=r"expected {{tasks\.load\.values\.nix}} to have a value"):
        resolved("{{tasks.load.values.nix}}", SCOPE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{job.parameters.day}}", None),
        ("{{job.parameters.nix}}", "there is no job parameter nix"),
        ("{{tasks.load.values.anything}}", None),
        ("{{tasks.other.values.x}}", "it does not depend on a task other"),
        ("{{tasks.load.nix}}", "there is no such value"),
        ("{{job.notebook_url}}", "there is no such value"),
        ("{{job.start_time.nix}}", "there is no such value"),
        ("{{input.x}}", "it is in no for_each_task"),
        (
            "{{backfill.iso_date}}",
            "nothing of the kind starts a run here: give the value with --param",
        ),
        ("{{workspace.id}}", None),
    ],
)
def test_a_wrong_reference_of_a_known_namespace_is_told_before_the_run(text, expected):
    names = Names(frozenset({"day"}), frozenset({"load"}))
    [(_, path)] = references(text)
    assert problem(path, names) == expected

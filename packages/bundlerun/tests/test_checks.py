"""What is found wrong with a bundle of notebooks, pipelines and SQL files."""

import json
import re
from textwrap import dedent

import pytest
from bundles import written

from bundlerun.bundle.checks import POLICIES, check_bundle
from bundlerun.bundle.checks.schema import SchemaError
from bundlerun.cli import main

NOTEBOOK = "# Databricks notebook source\n# MAGIC %md A title\nx = 1\n"
SQL = "SELECT 'it''s' -- done (\nFROM t WHERE x IN (1, 2);\n"
RIGHT = {
    "databricks.yml": """
        bundle: {name: sound}
        include: ["resources/*.yml"]
        variables:
          catalog: {default: here}
          warehouse_id: {lookup: {warehouse: Small}}
        targets: {dev: {}}
    """,
    "resources/all.yml": """
        resources:
          pipelines:
            etl:
              name: etl
              catalog: ${var.catalog}
              schema: s
              root_path: ../src/etl
              environment: {dependencies: [../dist/*.whl]}
              libraries:
                - glob: {include: ../src/etl/**}
          jobs:
            child:
              parameters: [{name: day, default: ""}]
              tasks:
                - task_key: only
                  notebook_task: {notebook_path: ../src/note.py}
            main:
              parameters: [{name: size, default: "1"}]
              schedule: {quartz_cron_expression: 0 0 3 * * ?, timezone_id: Europe/Zurich}
              tasks:
                - task_key: is_big
                  condition_task: {op: GREATER_THAN, left: "{{job.parameters.size}}", right: "10"}
                - task_key: each
                  depends_on: [{task_key: is_big, outcome: "true"}]
                  for_each_task:
                    inputs: '["a", "b"]'
                    concurrency: 2
                    task:
                      task_key: each_one
                      notebook_task:
                        notebook_path: ../src/cells.ipynb
                        base_parameters: {letter: "{{input}}", of: "{{tasks.is_big.run_id}}"}
                - task_key: query
                  depends_on: [{task_key: each}]
                  run_if: ALL_DONE
                  sql_task: {warehouse_id: "${var.warehouse_id}", file: {path: ../src/query.sql}}
                - task_key: refresh
                  pipeline_task: {pipeline_id: "${resources.pipelines.etl.id}"}
                - task_key: other
                  run_job_task:
                    job_id: ${resources.jobs.child.id}
                    job_parameters: {day: "{{job.start_time.iso_date}}"}
    """,
    "src/note.py": NOTEBOOK,
    "src/cells.ipynb": """
        {"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "outputs": [],
                    "execution_count": null, "source": "%sql SELECT 1"},
                   {"cell_type": "code", "id": "b", "metadata": {}, "outputs": [],
                    "execution_count": null, "source": "y = 1"}],
         "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    """,
    "src/query.sql": SQL,
    "src/etl/one.py": "x = 1\n",
    "src/etl/deep/two.sql": "CREATE MATERIALIZED VIEW v AS SELECT 1;\n",
}
ALL = "resources/all.yml"
MISTAKES = {
    "notebook": (ALL, "src/note.py", "src/not.py", "expected the file not.py, found none"),
    "extension": (
        ALL,
        "src/note.py",
        "src/note",
        "with its extension, found note, there is note.py",
    ),
    "no notebook": (
        "src/note.py",
        "# Databricks notebook source\n",
        "",
        "to be a notebook",
        "note.py",
    ),
    "broken notebook": ("src/note.py", "x = 1", "x = (", "note.py is no Python", "note.py"),
    "broken cell": ("src/cells.ipynb", "y = 1", "y = (", "is no Python.* of cell 2", "cells.ipynb"),
    "no ipynb": ("src/cells.ipynb", '{"cells"', '"cells"', "is no notebook", "cells.ipynb"),
    "sql file": (ALL, "src/query.sql", "src/queri.sql", "expected the file queri.sql"),
    "broken sql": (
        "src/query.sql",
        "(1, 2)",
        "(1, 2",
        "query.sql is no SQL: . of line 2",
        "query.sql",
    ),
    "empty sql": ("src/query.sql", SQL, "-- nothing\n", "there is no statement in it", "query.sql"),
    "pipeline files": (ALL, "../src/etl/**}", "../src/elt/**}", "expected Python or SQL files"),
    "pipeline file": ("src/etl/one.py", "x = 1", "x =", "one.py is no Python", "src/etl/**"),
    "wheel of a pipeline": (ALL, "../dist/*.whl", "../dists/*.whl", "expected a wheel"),
    "pipeline folder": (ALL, "root_path: ../src/etl", "root_path: ../src/elt", "expected a folder"),
    "outcome": (ALL, 'outcome: "true"', 'outcome: "yes"', 'outcome "true" or "false"'),
    "no outcome": (
        ALL,
        "depends_on: [{task_key: each}]",
        'depends_on: [{task_key: each, outcome: "true"}]',
        "only a condition_task has one",
    ),
    "run_if": (ALL, "run_if: ALL_DONE", "run_if: ALWAYS", "expected one of .*, found 'ALWAYS'"),
    "input": (ALL, 'left: "{{job.parameters.size}}"', 'left: "{{input}}"', "no dynamic value"),
    "value of a task": (
        ALL,
        "{{tasks.is_big.run_id}}",
        "{{tasks.query.run_id}}",
        "does not depend on 'query'",
    ),
    "handed on": (
        ALL,
        "job_parameters: {day:",
        "job_parameters: {date:",
        "of that job .day., found 'date'",
    ),
    "no task": (
        ALL,
        "                  notebook_task: {notebook_path: ../src/note.py}\n",
        "",
        "do one thing",
        "only",
    ),
    "same task": (ALL, "task_key: other", "task_key: query", "two tasks have the task_key 'query'"),
    "same parameter": (
        ALL,
        '[{name: size, default: "1"}]',
        '[{name: size, default: "1"}, {name: size, default: "2"}]',
        "two parameters have the name 'size'",
    ),
    "warehouse": (ALL, '"${var.warehouse_id}"', "abc123", "hard-coded identifier"),
    "catalog": (ALL, "catalog: ${var.catalog}", "catalog: elsewhere", "hard-coded catalog"),
    "volume": (ALL, "schema: s", "schema: /Volumes/here/s/v", "hard-coded catalog"),
    "same key": (ALL, "            child:", "            etl:", "the key 'etl' is used twice"),
}


def test_nothing_is_wrong_with_a_sound_bundle(tmp_path):
    assert check_bundle(written(tmp_path, RIGHT), policy=POLICIES) == []


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_caught_with_its_line(tmp_path, mistake):
    file, found, planted, message, *at = mistake
    assert found in RIGHT[file]
    folder = written(tmp_path, RIGHT | {file: RIGHT[file].replace(found, planted, 1)})
    said = [p for p in check_bundle(folder, policy=POLICIES) if re.search(message, p.message)]
    assert said, check_bundle(folder)
    there = at[0] if at else planted.strip()
    lines = [(folder / p.file).read_text(encoding="utf-8").splitlines()[p.line - 1] for p in said]
    assert any(there in line for line in lines), lines


SCHEMA = """
    {"type": "object", "additionalProperties": false, "properties": {
      "bundle": {"oneOf": [
        {"type": "object", "properties": {"name": {"$ref": "#/$defs/name"}}, "required": ["name"]},
        {"type": "string", "pattern": "\\\\\\\\$\\\\\\\\{var\\\\\\\\.[\\\\\\\\p{L}\\\\\\\\p{N}]+\\\\\\\\}"}]},
      "include": {}, "variables": {}, "targets": {}, "resources": {}},
     "$defs": {"name": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}}
"""


def test_a_file_that_does_not_fit_the_schema_is_named_with_the_line(tmp_path):
    folder = written(tmp_path, RIGHT | {"schema.json": SCHEMA.replace("\\\\\\\\", "\\\\")})
    assert check_bundle(folder, schema=folder / "schema.json") == []
    wrong = RIGHT["databricks.yml"].replace("{name: sound}", "{name: [sound]}")
    written(folder, {"databricks.yml": wrong})
    said = [p for p in check_bundle(folder, schema=folder / "schema.json") if "schema" in p.message]
    assert [(str(p.file), p.line) for p in said] == [("databricks.yml", 1)]
    assert "bundle.name" in said[0].message


ROOT = "databricks.yml"
REFUSED = {
    "key of a bundle": (ROOT, "bundle: {name: sound}", "bundle: {name: sound, engin: direct}", "bundle has no key 'engin': is it engine"),
    "key of the root": (ROOT, "targets: {dev: {}}", "targets: {dev: {}}\nresource: {}", "a bundle has no key 'resource': is it resources"),
    "key of a target": (ROOT, "dev: {}", "dev: {modes: development}", "has no key 'modes': is it mode"),
    "key of a target's workspace": (ROOT, "dev: {}", "dev: {workspace: {hosts: x}}", "has no key 'hosts': is it host"),
    "key of a variable": (ROOT, "{default: here}", "{defaults: here}", "has no key 'defaults'"),
    "default targets": (ROOT, "{dev: {}}", "{dev: {default: true}, prod: {default: true}}", "one default target, found dev and prod"),
    "nested loop": (ALL, "task_key: each_one", "task_key: each_one\n              for_each_task: {inputs: '[1]', task: {task_key: x}}", "cannot repeat another"),
    "jobs in a circle": (ALL, "notebook_task: {notebook_path: ../src/note.py}", "run_job_task: {job_id: '${resources.jobs.main.id}'}", "job main runs itself"),
    "task key": (ALL, "task_key: refresh", "task_key: re fresh", "expected a task_key of letters"),
    "schedule and trigger": (ALL, "schedule: {", "trigger: {periodic: {interval: 1, unit: DAYS}}\n      schedule: {", "schedule and trigger"),
    "no compute": (ALL, "notebook_task: {notebook_path: ../src/note.py}", "spark_python_task: {python_file: ../src/note.py}", "needs a compute"),
    "no warehouse": (ALL, 'warehouse_id: "${var.warehouse_id}", file', "file", "needs.* warehouse_id"),
    "inputs": (ALL, """inputs: '["a", "b"]'""", "inputs: 'a, b'", "a JSON array, found 'a, b'"),
    "inputs as YAML": (ALL, """inputs: '["a", "b"]'""", "inputs: [a, b]", "expected"),
    "permission of nobody": (ALL, "name: etl\n", "name: etl\n      permissions: [{level: CAN_VIEW}]\n", "a permission for one of"),
    "permission of two": (ROOT, "dev: {}", "dev: {permissions: [{level: CAN_VIEW, user_name: a, group_name: b}]}", "a permission for one of"),
    "secret by its shape": (ROOT, "{default: here}", "{default: dapi0123456789abcdef0123456789abcdef}", "an access token stands in plain text"),
    "secret by its name": (ROOT, "{default: here}", "{default: here}\n  db_password: {default: tiger}", "the value of db_password stands in plain text"),
    "secret of a target": (ROOT, "{dev: {}}", "{dev: {variables: {client_secret: tiger}}}", "the value of client_secret"),
    "secret of a parameter": (ALL, '{name: size, default: "1"}', '{name: size, default: "1"}, {name: api_key, default: tiger}', "the value of api_key"),
    "secret of an argument": (ALL, "base_parameters: {letter:", "base_parameters: {token: tiger, letter:", "the value of token"),
    "secret in an address": (ROOT, "{default: here}", "{default: 'jdbc://me:tiger@host/x'}", "a password in an address"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", REFUSED.values(), ids=REFUSED)
def test_what_a_deployment_or_a_run_would_refuse_is_found(tmp_path, mistake):
    file, found, planted, message = mistake
    right = {name: dedent(text).lstrip("\n") for name, text in RIGHT.items()}
    text = right[file]
    assert found in text or dedent(found) in text, text
    folder = written(tmp_path, right | {file: text.replace(found, planted, 1)})
    said = [p for p in check_bundle(folder) if re.search(message, p.message)]
    assert said, check_bundle(folder)
    assert {p.severity for p in said} == {"error"}
    assert "tiger" not in " ".join(p.message for p in said)


NO_MISTAKES = {
    "reference": (ROOT, "{default: here}", "{default: here}\n  db_password: {default: '{{secrets/scope/key}}'}"),
    "no value": (ROOT, "{default: here}", "{default: here}\n  db_password: {default: ''}"),
    "name of a credential": (ROOT, "{default: here}", "{default: here}\n  storage_credential: {default: lake}"),
    "inputs of a parameter": (ALL, """inputs: '["a", "b"]'""", "inputs: '{{job.parameters.size}}'"),
}  # fmt: skip


@pytest.mark.parametrize("change", NO_MISTAKES.values(), ids=NO_MISTAKES)
def test_what_is_right_is_not_refused(tmp_path, change):
    file, found, instead = change
    right = {name: dedent(text).lstrip("\n") for name, text in RIGHT.items()}
    assert found in right[file]
    folder = written(tmp_path, right | {file: right[file].replace(found, instead, 1)})
    assert check_bundle(folder) == []


def test_what_may_be_newer_than_the_check_is_a_warning(tmp_path, capsys):
    root = """
        bundle: {name: new, quux: 1}
        include: ["nothing/*.yml"]
        resources:
          holograms: {one: {size: 1}}
        targets: {dev: {}}
    """
    folder = written(tmp_path, {"databricks.yml": root})
    said = [(p.line, p.severity, p.message.split(":")[0]) for p in check_bundle(folder)]
    assert said == [
        (1, "warning", "bundle has no key 'quux'"),
        (2, "warning", "expected files that fit nothing/*.yml, found none"),
        (4, "warning", "resources.holograms is a kind that is not known here"),
    ]
    assert main(["bundle", "check", "--bundle", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "databricks.yml:1: warning: bundle has no key" in out
    assert (out.splitlines()[-1], err) == ("✓ new: no error in 1 hologram, for dev", "3 problems\n")


def test_what_the_house_wants_is_asked_for_in_bundlerun_toml(tmp_path, capsys):
    bundle = "bundle: {name: x}\nresources: {jobs: {a: {email_notifications: {on_failure: [me@example.com]}, tasks: [{task_key: a, condition_task: {left: 1, op: EQUAL_TO, right: 1}}]}}}\n"
    folder = written(tmp_path, {"databricks.yml": bundle})
    assert main(["bundle", "check", "--bundle", str(folder)]) == 0
    capsys.readouterr()
    (folder / "bundlerun.toml").write_text('policy = ["constants"]\n')
    assert main(["bundle", "check", "--bundle", str(folder), "--json"]) == 1
    [row] = json.loads(capsys.readouterr().out)["rows"]
    assert (row["severity"], row["message"][:27]) == ("policy", "hard-coded e-mail address: ")


def test_a_variable_may_be_given(tmp_path, capsys):
    bundle = "bundle: {name: x}\nvariables: {who: {}}\nresources: {jobs: {a: {name: 'of ${var.who}', tasks: [{task_key: a, condition_task: {left: 1, op: EQUAL_TO, right: 1}}]}}}\n"
    folder = written(tmp_path, {"databricks.yml": bundle})
    assert main(["bundle", "check", "--bundle", str(folder)]) == 1
    assert main(["bundle", "check", "--bundle", str(folder), "--var", "who=me"]) == 0


def test_a_schema_that_is_none_is_refused(tmp_path):
    folder = written(tmp_path, RIGHT)
    with pytest.raises(SchemaError, match="expected a JSON schema in"):
        check_bundle(folder, schema=folder / "databricks.yml")


def test_the_command_says_what_it_has_checked(tmp_path, capsys):
    assert main(["bundle", "check", "--bundle", str(written(tmp_path, RIGHT))]) == 0
    assert capsys.readouterr().out == "✓ sound: nothing wrong with 1 pipeline, 2 jobs, for dev\n"
    assert main(["bundle", "check", "--bundle", str(tmp_path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["resources"], result["problems"]) == ({"pipelines": 1, "jobs": 2}, 0)


def test_the_command_says_a_problem_a_line_and_exits_with_1(tmp_path, capsys):
    folder = written(tmp_path, RIGHT | {ALL: RIGHT[ALL].replace("0 0 3 * * ?", "0 0 3 * *")})
    assert main(["bundle", "check", "--bundle", str(folder), "-t", "dev"]) == 1
    out, err = capsys.readouterr()
    assert re.fullmatch(rf"\S*{ALL}:19: cron expression .*: expected 6 or 7 fields .*\n", out)
    assert err == "1 problem\n"
    assert main(["bundle", "check", "--bundle", str(folder), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["line"] for row in rows] == [19]


def test_no_bundle_is_wrong_usage(tmp_path, capsys):
    assert main(["bundle", "check", "--bundle", str(tmp_path)]) == 2
    assert "expected a databricks.yml in" in capsys.readouterr().err

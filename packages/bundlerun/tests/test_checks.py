"""What is found wrong with a bundle of notebooks, pipelines and SQL files."""

import json
import re

import pytest
from bundles import written

from bundlerun.bundle.checks import check_bundle
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
    assert check_bundle(written(tmp_path, RIGHT)) == []


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_caught_with_its_line(tmp_path, mistake):
    file, found, planted, message, *at = mistake
    assert found in RIGHT[file]
    folder = written(tmp_path, RIGHT | {file: RIGHT[file].replace(found, planted, 1)})
    said = [p for p in check_bundle(folder) if re.search(message, p.message)]
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

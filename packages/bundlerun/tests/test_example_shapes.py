"""Jobs of the shapes that the public examples have load, and a dry run shows what they would call.

The shapes are those of github.com/databricks/bundle-examples; names and content are not.
"""

import json

import pytest
import yaml

from bundlerun.cli import main

FILES = {
    "src/look.ipynb": json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
    "src/load.py": "# Databricks notebook source\nprint(1)\n",
    "src/script.py": "print(1)\n",
    "src/daily.sql": "SELECT 1;\n",
}
SHAPES = """
a notebook, a pipeline and a wheel:
  job:
    trigger: {periodic: {interval: 1, unit: DAYS}}
    email_notifications: {on_failure: [x@example.com]}
    tasks:
      - task_key: look
        job_cluster_key: small
        notebook_task: {notebook_path: ./src/look.ipynb}
      - task_key: refresh
        depends_on: [{task_key: look}]
        pipeline_task: {pipeline_id: '${resources.pipelines.shop.id}'}
      - task_key: sell
        depends_on: [{task_key: refresh}]
        environment_key: default
        python_wheel_task: {package_name: shop, entry_point: main, parameters: [--schema, x]}
    job_clusters: [{job_cluster_key: small, new_cluster: {spark_version: 16.4.x-scala2.12, num_workers: 1}}]
    environments: [{environment_key: default, spec: {environment_version: '4', dependencies: [./dist/*.whl]}}]
  waves: {look: 1, refresh: 2, sell: 3}
sql files with parameters:
  job:
    schedule: {quartz_cron_expression: '44 37 8 * * ?', timezone_id: Europe/Amsterdam}
    parameters: [{name: catalog, default: main}, {name: target, default: '${bundle.target}'}]
    tasks:
      - task_key: raw
        sql_task: {warehouse_id: '1', file: {path: ./src/daily.sql}, parameters: {catalog: '{{job.parameters.catalog}}'}}
      - task_key: daily
        depends_on: [{task_key: raw}]
        sql_task: {warehouse_id: '1', file: {path: ./src/daily.sql}}
  waves: {raw: 1, daily: 2}
a loop over what a task found:
  job:
    tasks:
      - {task_key: find, notebook_task: {notebook_path: ./src/load.py}}
      - task_key: each
        depends_on: [{task_key: find}]
        for_each_task:
          inputs: '{{tasks.find.values.indexes}}'
          concurrency: 10
          task:
            task_key: each_iteration
            notebook_task: {notebook_path: ./src/load.py, base_parameters: {index: '{{input}}'}}
  waves: {find: 1, each: 2}
branches:
  job:
    parameters: [{name: threshold, default: '5'}]
    tasks:
      - {task_key: count, spark_python_task: {python_file: ./src/script.py}, environment_key: x}
      - task_key: is_bad
        depends_on: [{task_key: count}]
        condition_task: {op: GREATER_THAN, left: '{{tasks.count.values.bad}}', right: '{{job.parameters.threshold}}'}
      - {task_key: mend, depends_on: [{task_key: is_bad, outcome: 'true'}], notebook_task: {notebook_path: ./src/load.py}}
      - {task_key: go_on, depends_on: [{task_key: is_bad, outcome: 'false'}, {task_key: mend}], run_if: AT_LEAST_ONE_SUCCESS, notebook_task: {notebook_path: ./src/load.py}}
  waves: {count: 1, is_bad: 2, mend: 3, go_on: 4}
jobs that run jobs:
  job:
    parameters: [{name: input, default: x}]
    tasks:
      - {task_key: first, run_job_task: {job_id: '${resources.jobs.leaf.id}'}}
      - {task_key: second, depends_on: [{task_key: first}], run_job_task: {job_id: '${resources.jobs.leaf.id}', job_parameters: {input: '{{job.start_time.iso_date}}'}}}
  waves: {first: 1, second: 2}
a job without an order:
  job:
    continuous: {pause_status: PAUSED}
    tasks:
      - {task_key: b, notebook_task: {notebook_path: ./src/load.py}}
      - {task_key: a, notebook_task: {notebook_path: ./src/load.py}}
  waves: {a: 1, b: 1}
dbt, which does not run here:
  job:
    tasks:
      - {task_key: dbt, dbt_task: {project_directory: ./, commands: [dbt deps, dbt run]}, libraries: [{pypi: {package: dbt-databricks}}]}
  waves: {dbt: 1}
  refused: 'task dbt: dbt_task does not run on this machine'
"""
CASES = yaml.safe_load(SHAPES)


@pytest.mark.parametrize("name", CASES)
def test_a_dry_run_shows_the_job(tmp_path, capsys, name):
    case = CASES[name]
    leaf = {"parameters": [{"name": "input", "default": ""}]}
    leaf["tasks"] = [{"task_key": "l", "notebook_task": {"notebook_path": "./src/load.py"}}]
    shop = {"name": "shop", "libraries": [{"file": {"path": "./src/script.py"}}]}
    configuration = {
        "bundle": {"name": "examples"},
        "artifacts": {"wheel": {"type": "whl", "build": "uv build --wheel", "path": "."}},
        "resources": {"jobs": {"job": case["job"], "leaf": leaf}, "pipelines": {"shop": shop}},
        "targets": {"dev": {"default": True, "mode": "development"}},
    }
    for path, content in {**FILES, "databricks.yml": yaml.safe_dump(configuration)}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content)

    code = main(["--json", "run", "job", "--dry-run", "--bundle", str(tmp_path)])
    shown, *error = capsys.readouterr().out.splitlines()
    assert {row["task"]: row["wave"] for row in json.loads(shown)["rows"]} == case["waves"]
    assert code == (2 if "refused" in case else 0), error
    if "refused" in case:
        assert case["refused"] in json.loads(error[0])["message"]

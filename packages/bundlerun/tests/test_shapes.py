"""Bundles of the shapes that the public examples have are read, and nothing about them is lost.

The shapes are those of github.com/databricks/bundle-examples; names and content are not.
"""

import re

import pytest
from bundles import USER, written

from bundlerun.bundle import BundleError, load_bundle


def load(folder, files, **options):
    return load_bundle(written(folder, files), environ=USER, **options)


def test_a_wheel_a_notebook_and_a_pipeline(tmp_path):
    """default_python: dynamic version, periodic trigger, wheel by glob, editable environment."""
    bundle = load(
        tmp_path,
        {
            "databricks.yml": """
                bundle: {name: shop, uuid: 5a1f2ad6-62ae-4d6b-a0a1-6ee7a4bb9f0c}
                include: ["resources/*.yml", "resources/*/*.yml"]
                artifacts:
                  python_artifact: {type: whl, build: uv build --wheel}
                variables:
                  catalog: {description: Where}
                  schema: {description: Where in it}
                targets:
                  dev:
                    mode: development
                    default: true
                    workspace:
                      host: https://example.cloud.databricks.com
                    variables: {catalog: main, schema: "${workspace.current_user.short_name}"}
                  prod:
                    mode: production
                    workspace: {root_path: "/Users/x@example.com/.bundle/${bundle.name}/${bundle.target}"}
                    variables: {catalog: main, schema: prod}
                    permissions: [{user_name: x@example.com, level: CAN_MANAGE}]
            """,
            "resources/nightly.job.yml": """
                resources:
                  jobs:
                    nightly:
                      name: nightly
                      trigger: {periodic: {interval: 1, unit: DAYS}}
                      parameters: [{name: schema, default: "${var.schema}"}]
                      tasks:
                        - task_key: look
                          notebook_task: {notebook_path: ../src/look.ipynb}
                        - task_key: sell
                          depends_on: [{task_key: look}]
                          python_wheel_task:
                            package_name: shop
                            entry_point: main
                            parameters: [--schema, "${var.schema}"]
                          environment_key: default
                        - task_key: refresh
                          pipeline_task: {pipeline_id: "${resources.pipelines.etl.id}"}
                      environments:
                        - environment_key: default
                          spec: {environment_version: "4", dependencies: [../dist/*.whl]}
            """,
            "resources/deep/etl.pipeline.yml": """
                resources:
                  pipelines:
                    etl:
                      name: etl
                      catalog: ${var.catalog}
                      schema: ${var.schema}
                      serverless: true
                      root_path: "../../src/etl"
                      libraries: [{glob: {include: ../../src/etl/transformations/**}}]
                      environment:
                        dependencies: ["--editable ${workspace.file_path}"]
            """,
        },
    )
    job, pipeline = bundle.jobs["nightly"], bundle.pipelines["etl"]
    files = "/Workspace/Users/Jane.Doe@example.com/.bundle/shop/dev/files"
    assert job["trigger"] == {"periodic": {"interval": 1, "unit": "DAYS"}, "pause_status": "PAUSED"}
    assert job["tasks"][1]["python_wheel_task"]["parameters"] == ["--schema", "jane_doe"]
    assert pipeline["environment"]["dependencies"] == [f"--editable {files}"]
    assert pipeline["libraries"][0]["glob"]["include"].endswith("/src/etl/transformations/**")
    prod = load_bundle(tmp_path, target="prod")
    assert prod.settings["workspace"]["root_path"] == (
        "/Workspace/Users/x@example.com/.bundle/shop/prod"
    )


def test_sql_files_of_a_warehouse(tmp_path):
    """default_sql: parameters come from variables, a null `workspace`."""
    bundle = load(
        tmp_path,
        {
            "databricks.yml": """
                bundle: {name: orders}
                include: [resources/*.yml]
                workspace:
                variables: {warehouse_id: {description: Which}}
                targets:
                  dev: {mode: development, default: true, workspace: , variables: {warehouse_id: 1f}}
            """,
            "resources/orders.sql.yml": """
                resources:
                  jobs:
                    orders:
                      email_notifications: {on_failure: [me@example.com]}
                      parameters: [{name: target, default: "${bundle.target}"}]
                      tasks:
                        - task_key: raw
                          sql_task: {warehouse_id: "${var.warehouse_id}", file: {path: ../src/raw.sql}}
            """,
        },
    )
    task = bundle.jobs["orders"]["tasks"][0]["sql_task"]
    assert task == {"warehouse_id": "1f", "file": {"path": str(tmp_path.resolve() / "src/raw.sql")}}
    assert bundle.jobs["orders"]["parameters"] == [{"name": "target", "default": "dev"}]
    assert bundle.jobs["orders"]["name"] == "[dev jane_doe] "


def test_several_wheels_for_one_job(tmp_path):
    """job_with_multiple_wheels: an artifact each, libraries by glob, a cluster by anchor."""
    bundle = load(
        tmp_path,
        {
            "databricks.yml": """
                bundle: {name: many}
                artifacts:
                  one: {type: whl, path: ./one}
                  two: {type: whl, path: ./two, build: "python setup.py bdist_wheel"}
                resources:
                  jobs:
                    both:
                      job_clusters:
                        - job_cluster_key: main
                          new_cluster: &cluster {spark_version: 16.4.x-scala2.12, num_workers: 1}
                      tasks:
                        - task_key: first
                          job_cluster_key: main
                          python_wheel_task: {package_name: one, entry_point: run, parameters: [a, "1"]}
                          libraries: [{whl: ./one/dist/*.whl}, {whl: ./two/dist/*.whl}]
                        - task_key: second
                          new_cluster: {<<: *cluster, num_workers: 2}
                          python_wheel_task: {package_name: two, entry_point: run, named_parameters: {a: "1"}}
            """
        },
    )
    here = str(tmp_path.resolve())
    first, second = bundle.jobs["both"]["tasks"]
    assert [a["path"] for a in bundle.settings["artifacts"].values()] == [
        f"{here}/one",
        f"{here}/two",
    ]
    assert first["libraries"][1] == {"whl": f"{here}/two/dist/*.whl"}
    assert second["new_cluster"] == {"spark_version": "16.4.x-scala2.12", "num_workers": 2}


def test_jobs_that_run_jobs(tmp_path):
    """job_with_run_job_tasks: dynamic values in brackets stay as they are."""
    bundle = load(
        tmp_path,
        {
            "databricks.yml": """
                bundle: {name: chain}
                resources:
                  jobs:
                    lead:
                      tasks: [{task_key: go, run_job_task: {job_id: "${resources.jobs.follow.id}"}}]
                    follow:
                      parameters: [{name: input, default: ""}]
                      tasks:
                        - task_key: leaf
                          spark_python_task:
                            python_file: ./leaf.py
                            parameters: ["{{ job.parameters.[input] }}"]
            """
        },
    )
    assert bundle.jobs["lead"]["tasks"][0]["run_job_task"]["job_id"] == "resources.jobs.follow"
    parameters = bundle.jobs["follow"]["tasks"][0]["spark_python_task"]["parameters"]
    assert parameters == ["{{ job.parameters.[input] }}"]


PYTHON = {
    "databricks.yml": """
        bundle: {name: loops}
        python:
          venv_path: .venv
          resources: ["resources:load_resources"]
          mutators: ["changes:with_description"]
        include: [resources/*.yml]
        variables: {limit: {default: 10}, letters: {type: complex, default: [a, b]}}
        targets: {dev: {mode: development, default: true}}
    """,
    "resources/__init__.py": """
        from databricks.bundles.core import load_resources_from_current_package_module

        def load_resources():
            return load_resources_from_current_package_module()
    """,
    "resources/loops.py": """
        from databricks.bundles.jobs import Job

        loops = Job.from_dict({
            "name": "loops",
            "tasks": [
                {"task_key": "items", "notebook_task": {"notebook_path": "src/items.py"}},
                {"task_key": "each", "depends_on": [{"task_key": "items"}],
                 "for_each_task": {
                     "inputs": "{{tasks.items.values.items}}", "concurrency": "${var.limit}",
                     "task": {"task_key": "one", "notebook_task": {
                         "notebook_path": "src/one.py", "base_parameters": {"item": "{{input}}"}}}}},
            ],
        })
    """,
    "resources/plain.yml": "resources: {jobs: {plain: {name: plain}}}",
    "changes.py": """
        from dataclasses import replace
        from databricks.bundles.core import Bundle, job_mutator
        from databricks.bundles.jobs import Job

        @job_mutator
        def with_description(bundle: Bundle, job: Job) -> Job:
            return replace(job, description=f"{bundle.target} of {bundle.variables['letters']}")
    """,
}


def test_jobs_defined_in_python(tmp_path):
    """job_with_for_each and its like: functions return resources, mutators change them."""
    bundle = load(tmp_path, PYTHON)
    here = str(tmp_path.resolve())
    items, each = bundle.jobs["loops"]["tasks"]
    assert items["notebook_task"]["notebook_path"] == f"{here}/src/items.py"
    assert each["for_each_task"]["concurrency"] == 10
    assert each["for_each_task"]["task"]["notebook_task"]["notebook_path"] == f"{here}/src/one.py"
    assert bundle.jobs["loops"]["name"] == "[dev jane_doe] loops"
    assert bundle.jobs["plain"]["description"] == "dev of ['a', 'b']"
    assert str(bundle.position("resources", "jobs", "loops")) == "resources/loops.py:3"


def test_python_that_fails_is_said_in_one_line(tmp_path):
    broken = PYTHON | {"resources/loops.py": "from databricks.bundles.jobs import Jobb\n"}
    with pytest.raises(BundleError, match="cannot import name 'Jobb'") as error:
        load(tmp_path, broken)
    assert "\n" not in str(error.value)


def test_what_lies_beside_the_bundle_may_be_included(tmp_path):
    """Shared folders: an include above the bundle, targets that are all comments."""
    files = {
        "bundle/databricks.yml": """
            bundle: {name: b}
            include: [../common/vars/*.yml, ../common/resources/shared.job.yml]
            sync: {paths: [../common, .]}
            targets:
            # dev: {}
        """,
        "common/vars/all.vars.yml": "variables: {on: {default: true}, tags: {type: complex, default: {}}}",
        "common/resources/shared.job.yml": """
            resources:
              jobs:
                shared:
                  tags: ${var.tags}
                  queue: {enabled: "${var.on}"}
                  tasks: [{task_key: a, notebook_task: {notebook_path: ../src/a.py}}]
        """,
    }
    written(tmp_path, files)
    bundle = load_bundle(tmp_path / "bundle")
    job = bundle.jobs["shared"]
    assert bundle.target == "default"
    assert job["queue"] == {"enabled": True}
    assert job["tasks"][0]["notebook_task"]["notebook_path"] == str(
        tmp_path.resolve() / "common/src/a.py"
    )
    assert str(bundle.position("resources", "jobs")) == "../common/resources/shared.job.yml:2"


def test_targets_with_clusters_of_their_own(tmp_path):
    """development_cluster: a resource of one target, keys in quotes, an empty other target."""
    text = """
        bundle: {name: dev_cluster}
        targets:
          dev:
            mode: development
            default: true
            cluster_id: ${resources.clusters.small.id}
            resources:
              clusters:
                small: {cluster_name: Small, num_workers: 0, spark_conf: {"spark.master": "local[*, 4]"}}
          prod: {
          }
    """
    bundle = load(tmp_path, {"databricks.yml": text})
    assert bundle.settings["bundle"]["cluster_id"] == "resources.clusters.small"
    small = bundle.settings["resources"]["clusters"]["small"]
    assert small["cluster_name"] == "[dev jane_doe] Small"
    assert small["spark_conf"] == {"spark.master": "local[*, 4]"}
    assert "resources" not in load_bundle(tmp_path, target="prod").settings


def test_a_dbt_project_and_git_sources(tmp_path):
    text = """
        bundle: {name: d, git: {branch: main}}
        resources:
          jobs:
            dbt:
              tasks:
                - task_key: dbt
                  dbt_task:
                    project_directory: ./
                    commands: ['dbt run --target=${bundle.target} --vars "{ s: ${workspace.current_user.short_name} }"']
            git:
              git_source: {git_provider: gitHub, git_url: "https://github.com/x/y", git_branch: "${bundle.git.branch}"}
              tasks:
                - {task_key: there, notebook_task: {notebook_path: nb/there}}
                - {task_key: here, notebook_task: {notebook_path: nb/here.py, source: WORKSPACE}}
    """
    bundle = load(tmp_path, {"databricks.yml": text})
    dbt, git = bundle.jobs["dbt"]["tasks"][0]["dbt_task"], bundle.jobs["git"]
    assert dbt["project_directory"] == str(tmp_path.resolve())
    assert dbt["commands"] == ['dbt run --target=default --vars "{ s: jane_doe }"']
    assert git["git_source"]["git_branch"] == "main"
    there, here = (task["notebook_task"]["notebook_path"] for task in git["tasks"])
    assert (there, here) == ("nb/there", str(tmp_path.resolve() / "nb/here.py"))


def test_an_unfilled_template_is_no_bundle(tmp_path):
    text = "bundle: {name: b}\ntargets:\n  prod:\n    run_as: {service_principal_name: {{ id }}}"
    with pytest.raises(BundleError, match=re.escape("databricks.yml:4: expected a name before")):
        load(tmp_path, {"databricks.yml": text})

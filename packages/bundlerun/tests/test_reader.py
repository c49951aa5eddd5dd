"""A bundle is resolved for a target as the Databricks CLI resolves it."""

from pathlib import Path

import pytest
from bundles import USER, one, written

from bundlerun.bundle import BundleError, NoBundleError, find_bundle, load_bundle


def test_the_nearest_bundle_upwards_is_found(tmp_path):
    below = tmp_path / "src" / "deep"
    below.mkdir(parents=True)
    one(tmp_path, "bundle: {name: b}")
    assert find_bundle(below) == tmp_path.resolve()


def test_no_bundle_is_said_in_one_line(tmp_path):
    with pytest.raises(NoBundleError, match=r"expected a databricks\.yml in .* found none"):
        find_bundle(tmp_path)


def test_includes_are_merged_and_targets_lie_over_them(tmp_path):
    folder = written(
        tmp_path,
        {
            "databricks.yml": """
                bundle: {name: b}
                include: ["resources/*.yml"]
                targets:
                  dev: {default: true}
                  prod:
                    resources:
                      jobs:
                        load:
                          timeout_seconds: 60
                          tasks:
                            - task_key: second
                              max_retries: 3
                          parameters:
                            - {name: size, default: "9"}
            """,
            "resources/load.job.yml": """
                resources:
                  jobs:
                    load:
                      name: load
                      parameters:
                        - {name: size, default: "1"}
                        - {name: mode, default: full}
                      tasks:
                        - task_key: first
                        - task_key: second
                          depends_on: [{task_key: first}]
            """,
            "resources/ignored.txt": "not: read",
        },
    )
    dev, prod = load_bundle(folder), load_bundle(folder, target="prod")
    assert dev.target == "dev"
    assert dev.jobs["load"]["tasks"][1] == {
        "task_key": "second",
        "depends_on": [{"task_key": "first"}],
    }
    assert prod.jobs["load"]["timeout_seconds"] == 60
    assert [task["task_key"] for task in prod.jobs["load"]["tasks"]] == ["first", "second"]
    assert prod.jobs["load"]["tasks"][1]["max_retries"] == 3
    assert prod.jobs["load"]["parameters"] == [
        {"name": "size", "default": "9"},
        {"name": "mode", "default": "full"},
    ]
    assert "targets" not in prod.settings


VARIABLES = """
    bundle: {name: b}
    variables:
      plain: {default: declared}
      number: {default: 3}
      cluster:
        type: complex
        default:
          nodes: ${var.number}
          labels: [a, "${var.plain}"]
      late: {description: no default}
    targets:
      dev:
        default: true
        variables:
          late: of the target
      prod:
        variables:
          late: {default: of prod}
          cluster:
            nodes: 7
    resources:
      jobs:
        j:
          name: ${bundle.name}-${bundle.target}-${var.plain}
          max_concurrent_runs: ${var.number}
          description: ${variables.late.value}
          job_clusters:
            - job_cluster_key: main
              new_cluster: ${var.cluster}
          tags: {first: "${var.cluster.labels[0]}"}
"""


def test_references_keep_the_type_of_what_they_refer_to(tmp_path):
    job = load_bundle(one(tmp_path, VARIABLES)).jobs["j"]
    assert job["name"] == "b-dev-declared"
    assert job["max_concurrent_runs"] == 3
    assert job["description"] == "of the target"
    assert job["job_clusters"][0]["new_cluster"] == {"nodes": 3, "labels": ["a", "declared"]}
    assert job["tags"] == {"first": "a"}


def test_a_variable_has_the_value_of_the_strongest_source(tmp_path):
    """Given, then environment, then the file of overrides, then target, then default."""
    folder = one(tmp_path, VARIABLES)
    written(
        folder,
        {".databricks/bundle/dev/variable-overrides.json": '{"plain": "file", "late": "file"}'},
    )
    environ = {"BUNDLE_VAR_plain": "environment", "BUNDLE_VAR_number": "5"}
    bundle = load_bundle(folder, variables={"number": "6"}, environ=environ)
    values = {name: v["value"] for name, v in bundle.settings["variables"].items()}
    assert values["plain"] == "environment"
    assert values["number"] == "6"
    assert values["late"] == "file"


def test_a_target_replaces_a_complex_variable_as_a_whole(tmp_path):
    folder = one(tmp_path, VARIABLES.replace("cluster.labels[0]", "plain"))
    cluster = load_bundle(folder, target="prod").settings["variables"]["cluster"]
    assert cluster["value"] == {"nodes": 7}


def test_resources_refer_to_each_other_by_the_names_that_they_end_up_with(tmp_path):
    bundle = load_bundle(
        one(
            tmp_path,
            """
            bundle: {name: b}
            variables:
              silver: {default: "${resources.schemas.silver.name}"}
            targets: {dev: {mode: development}}
            resources:
              schemas:
                silver: {name: silver, catalog_name: main}
              pipelines:
                p: {name: p, schema: "${var.silver}", catalog: "${resources.schemas.silver.catalog_name}"}
              jobs:
                j:
                  tasks:
                    - {task_key: t, pipeline_task: {pipeline_id: "${resources.pipelines.p.id}"}}
                    - {task_key: u, run_job_task: {job_id: "${resources.jobs.k.id}"}}
                k: {name: k}
            """,
        ),
        environ=USER,
    )
    assert bundle.pipelines["p"]["schema"] == "dev_jane_doe_silver"
    assert bundle.pipelines["p"]["catalog"] == "main"
    tasks = bundle.jobs["j"]["tasks"]
    assert tasks[0]["pipeline_task"]["pipeline_id"] == "resources.pipelines.p"
    assert tasks[1]["run_job_task"]["job_id"] == "resources.jobs.k"


def test_development_mode_sets_names_tags_and_pauses(tmp_path):
    bundle = load_bundle(
        one(
            tmp_path,
            """
            bundle: {name: b}
            presets: {tags: {team: learning}}
            targets: {dev: {mode: development}}
            resources:
              jobs:
                free: {name: free, schedule: {quartz_cron_expression: "0 0 5 * * ?"}}
                fixed:
                  name: fixed
                  max_concurrent_runs: 1
                  trigger: {pause_status: UNPAUSED}
                  tags: {team: own}
              pipelines:
                p: {name: p, continuous: true}
              volumes:
                v: {name: v, catalog_name: main, schema_name: s}
            """,
        ),
        environ=USER,
    )
    free, fixed = bundle.jobs["free"], bundle.jobs["fixed"]
    assert free["name"] == "[dev jane_doe] free"
    assert free["tags"] == {"dev": "jane_doe", "team": "learning"}
    assert free["max_concurrent_runs"] == 4
    assert free["schedule"]["pause_status"] == "PAUSED"
    assert free["queue"] == {"enabled": True}
    assert fixed["max_concurrent_runs"] == 1
    assert fixed["trigger"] == {"pause_status": "UNPAUSED"}
    assert fixed["tags"] == {"team": "own", "dev": "jane_doe"}
    assert bundle.pipelines["p"]["continuous"] is False
    assert bundle.pipelines["p"]["development"] is True
    assert bundle.settings["resources"]["volumes"]["v"]["name"] == "v"


def test_identity_and_permissions_reach_every_job(tmp_path):
    bundle = load_bundle(
        one(
            tmp_path,
            """
            bundle: {name: b}
            run_as: {service_principal_name: robot}
            permissions: [{level: CAN_RUN, group_name: operators}, {level: CAN_VIEW, user_name: boss}]
            resources:
              jobs:
                j: {permissions: [{level: IS_OWNER, user_name: boss}]}
                k: {run_as: {user_name: own}}
            """,
        )
    )
    assert bundle.jobs["j"]["run_as"] == {"service_principal_name": "robot"}
    assert bundle.jobs["j"]["permissions"] == [
        {"level": "IS_OWNER", "user_name": "boss"},
        {"level": "CAN_MANAGE_RUN", "group_name": "operators"},
    ]
    assert bundle.jobs["k"]["run_as"] == {"user_name": "own"}


def test_the_workspace_is_the_operating_systems_user(tmp_path):
    text = """
        bundle: {name: b}
        variables:
          paths: {default: "${workspace.root_path} ${workspace.file_path}"}
          user: {default: "${workspace.current_user.userName} ${workspace.current_user.domain_friendly_name}"}
          commit: {default: "<${bundle.git.commit}>"}
    """
    values = load_bundle(one(tmp_path, text), environ=USER).settings["variables"]
    root = "/Workspace/Users/Jane.Doe@example.com/.bundle/b/default"
    assert values["paths"]["value"] == f"{root} {root}/files"
    assert values["user"]["value"] == "Jane.Doe@example.com jane-doe"
    assert values["commit"]["value"] == "<>"


PATHS = {
    "databricks.yml": """
        bundle: {name: b}
        include: ["resources/*.yml"]
        artifacts: {wheel: {type: whl, path: ./lib}}
        targets:
          dev:
            resources:
              jobs:
                j:
                  tasks:
                    - {task_key: note, notebook_task: {notebook_path: other/n.py}}
    """,
    "resources/j.job.yml": """
        resources:
          pipelines:
            p:
              root_path: ../src
              libraries: [{glob: {include: ../src/**}}, {file: {path: ./a.sql}}]
          jobs:
            git:
              git_source: {git_url: "https://example.com/x", git_branch: main}
              tasks: [{task_key: a, notebook_task: {notebook_path: n}}]
            j:
              environments:
                - environment_key: e
                  spec:
                    dependencies: [../dist/*.whl, "requests>=2", "-r ./req.txt", /Volumes/c/s/v/x.whl]
              tasks:
                - task_key: note
                  notebook_task: {notebook_path: ../n.py}
                - {task_key: remote, notebook_task: {notebook_path: /Workspace/Shared/n}}
                - {task_key: sql, sql_task: {file: {path: ../q.sql}, warehouse_id: w}}
                - {task_key: file, spark_python_task: {python_file: ../f.py}}
                - {task_key: dbfs, spark_python_task: {python_file: "dbfs:/f.py"}}
                - {task_key: wheel, libraries: [{whl: ../dist/x.whl}, {pypi: {package: y}}]}
                - task_key: each
                  for_each_task:
                    inputs: "[1]"
                    task: {task_key: one, notebook_task: {notebook_path: ./e.ipynb}}
    """,
}


def test_a_path_is_relative_to_the_file_that_it_stands_in(tmp_path):
    bundle = load_bundle(written(tmp_path, PATHS))
    here = str(tmp_path.resolve())
    tasks = {task["task_key"]: task for task in bundle.jobs["j"]["tasks"]}
    assert tasks["note"]["notebook_task"]["notebook_path"] == f"{here}/other/n.py"
    assert tasks["remote"]["notebook_task"]["notebook_path"] == "/Workspace/Shared/n"
    assert tasks["sql"]["sql_task"]["file"]["path"] == f"{here}/q.sql"
    assert tasks["file"]["spark_python_task"]["python_file"] == f"{here}/f.py"
    assert tasks["dbfs"]["spark_python_task"]["python_file"] == "dbfs:/f.py"
    assert tasks["wheel"]["libraries"][0]["whl"] == f"{here}/dist/x.whl"
    assert tasks["each"]["for_each_task"]["task"]["notebook_task"]["notebook_path"] == (
        f"{here}/resources/e.ipynb"
    )
    assert bundle.jobs["j"]["environments"][0]["spec"]["dependencies"] == [
        f"{here}/dist/*.whl",
        "requests>=2",
        f"-r {here}/resources/req.txt",
        "/Volumes/c/s/v/x.whl",
    ]
    assert bundle.jobs["git"]["tasks"][0]["notebook_task"]["notebook_path"] == "n"
    assert bundle.pipelines["p"]["root_path"] == f"{here}/src"
    assert bundle.pipelines["p"]["libraries"][0]["glob"]["include"] == f"{here}/src/**"
    assert bundle.pipelines["p"]["libraries"][1]["file"]["path"] == f"{here}/resources/a.sql"
    assert bundle.settings["artifacts"]["wheel"]["path"] == f"{here}/lib"


def test_yaml_is_read_as_the_cli_reads_it(tmp_path):
    """Anchors and merge keys work; `on`, dates and times of day are texts; `$${` is `${`."""
    text = """
        bundle: {name: b}
        resources:
          jobs:
            a: &a {name: x, timeout_seconds: 60, tags: {time: 12:30, day: 2026-01-31, switch: on}}
            b: {<<: *a, name: y, description: "$${literal}", max_concurrent_runs: 0x10}
    """
    jobs = load_bundle(one(tmp_path, text)).jobs
    assert jobs["a"]["tags"] == {"time": "12:30", "day": "2026-01-31", "switch": "on"}
    assert (jobs["b"]["name"], jobs["b"]["timeout_seconds"]) == ("y", 60)
    assert (jobs["b"]["description"], jobs["b"]["max_concurrent_runs"]) == ("${literal}", 16)


def test_a_path_of_the_configuration_has_its_line(tmp_path):
    bundle = load_bundle(written(tmp_path, PATHS))
    assert str(bundle.position("bundle", "name")) == "databricks.yml:1"
    job = ("resources", "jobs", "j")
    assert str(bundle.position(*job)) == "resources/j.job.yml:10"
    assert str(bundle.position(*job, "tasks", 0, "notebook_task")) == "resources/j.job.yml:17"
    assert str(bundle.position(*job, "tasks", 0, "notebook_task", "notebook_path")) == (
        "databricks.yml:10"
    )
    assert str(bundle.position(*job, "no_such_field", 3)) == "resources/j.job.yml:10"


WRONG = {
    "unknown variable": (
        "variables: {a: {default: 1}}\nresources: {jobs: {j: {name: '${var.b}'}}}",
        r"3: .*declared variable, found 'b' \(declared: a\)",
    ),
    "unknown field": (
        "resources: {jobs: {j: {name: '${bundle.nam}'}}}",
        r"2: .*bundle has no 'nam'",
    ),
    "unknown resource": (
        "resources:\n  jobs:\n    j:\n      name: ${resources.jobs.k.name}",
        r"5: .*resources\.jobs has no 'k' \(it has: j\)",
    ),
    "unknown attribute": (
        "resources:\n  jobs:\n    j: {name: x, description: '${resources.jobs.j.nmae}'}",
        "4: .*has no 'nmae'",
    ),
    "circle": (
        "variables:\n  a: {default: '${var.b}'}\n  b: {default: '${var.a}'}",
        r"databricks.yml:[34]: .*in a circle: var\.\w -> var\.\w -> var\.\w",
    ),
    "mapping in a text": (
        "variables:\n  m: {type: complex, default: {a: 1}}\nresources: {jobs: {j: {name: 'x ${var.m}'}}}",
        "4: expected .* to be a text within this text, found a mapping",
    ),
    "no value": ("variables:\n  a: {description: x}", "3: variable a has no value.*BUNDLE_VAR_a"),
    "twice": (
        "resources:\n  jobs:\n  jobs:",
        "4: 'jobs' stands here a second time; it is on line 3",
    ),
    "syntax": ("resources: {jobs: [}", "2: this is not YAML: "),
    "anchor in itself": (
        "variables: &a {b: *a}",
        "expected a value, found an anchor inside itself",
    ),
    "missing include": ("include: [x.yml]", r"2: expected a file x\.yml, found none"),
    "kinds": (
        "resources: {jobs: {j: {tasks: []}}}\ntargets:\n  dev:\n    resources: {jobs: {j: {tasks: {}}}}",
        r"5: expected what databricks\.yml:2 has \(a list\), found a mapping",
    ),
    "target variable": (
        "targets:\n  dev:\n    variables:\n      nope: 1",
        "5: target dev sets the variable nope",
    ),
    "mode": ("targets:\n  dev:\n    mode: dev", "4: expected mode to be development or production"),
    "status": (
        "presets:\n  trigger_pause_status: ON",
        "3: expected PAUSED or UNPAUSED, found 'ON'",
    ),
    "two targets": ("targets:\n  a:\n  b:", "2: expected one default target of a, b, found 0"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_line_with_its_position(tmp_path, text, message):
    folder = written(tmp_path, {"databricks.yml": "bundle: {name: b}\n" + text})
    with pytest.raises(BundleError, match=message) as error:
        load_bundle(folder)
    assert "\n" not in str(error.value)


def test_a_target_or_variable_that_there_is_not_names_those_that_there_are(tmp_path):
    folder = one(tmp_path, VARIABLES)
    with pytest.raises(BundleError, match="expected a target of dev, prod, found 'test'"):
        load_bundle(folder, target="test")
    with pytest.raises(BundleError, match=r"expected a variable of the bundle .*found 'x'"):
        load_bundle(folder, variables={"x": "1"})
    with pytest.raises(BundleError, match="cluster is complex"):
        load_bundle(folder, environ={"BUNDLE_VAR_cluster": "1"})


def test_every_problem_is_kept(tmp_path):
    folder = one(
        tmp_path,
        "bundle: {name: b}\nvariables:\n  a: {default: '${var.x}'}\n  b: {default: '${var.y}'}",
    )
    with pytest.raises(BundleError, match=r"\(and 1 more\)") as error:
        load_bundle(folder)
    assert [(str(p.file), p.line) for p in error.value.problems] == [
        ("databricks.yml", 3),
        ("databricks.yml", 4),
    ]


def test_the_environment_may_name_the_target(tmp_path):
    environ = {"DATABRICKS_BUNDLE_TARGET": "prod"}
    folder = one(tmp_path, VARIABLES.replace("cluster.labels[0]", "plain"))
    assert load_bundle(folder, environ=environ).target == "prod"


def test_a_looked_up_identifier_has_a_stand_in(tmp_path):
    text = "bundle: {name: b}\nvariables:\n  w: {lookup: {warehouse: Small}}"
    assert load_bundle(one(tmp_path, text)).settings["variables"]["w"]["value"] == (
        "lookup.warehouse.Small"
    )


def test_the_positions_file_is_relative_to_the_bundle(tmp_path):
    assert load_bundle(one(tmp_path, VARIABLES)).position().file == Path("databricks.yml")

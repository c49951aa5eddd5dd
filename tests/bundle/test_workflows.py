"""The workflows of GitHub Actions."""

import re
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
WORKFLOWS = sorted(FOLDER.glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_its_commit(workflow):
    used = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert action.startswith("./") or PINNED.fullmatch(action)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_only_read_unless_a_job_says_otherwise(workflow):
    assert yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"] == {
        "contents": "read"
    }


def test_a_deployment_waits_for_the_checks_and_stores_no_secret():
    text = (FOLDER / "deploy.yml").read_text(encoding="utf-8")
    deploy = yaml.safe_load(text)["jobs"]["deploy"]
    assert deploy["needs"] == "check"
    assert deploy["env"]["DATABRICKS_AUTH_TYPE"] == "github-oidc"
    assert "secrets." not in text

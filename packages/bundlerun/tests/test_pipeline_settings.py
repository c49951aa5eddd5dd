"""What a pipeline resource asks for, and what is refused before anything starts."""

import pytest

from bundlerun.pipelines.settings import PipelineSettingsError, pipeline_settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"libraries": []}, "to name .py or .sql files, found none"),
        ({"libraries": [{"file": {"path": "gone.py"}}]}, "expected the file .*gone.py"),
        ({"libraries": [{"maven": {"coordinates": "a:b:1"}}]}, "found maven"),
        ({"libraries": [{"notebook": {"path": "magic"}}]}, "found %sql"),
        ({"libraries": [{"file": {"path": "it.ipynb"}}]}, r"to be \.py or \.sql"),
        ({"continuous": True}, "found continuous: true"),
    ],
)
def test_what_cannot_be_run_is_refused_before_it_starts(tmp_path, settings, message):
    (tmp_path / "magic.py").write_text(
        "# Databricks notebook source\n# MAGIC %sql\n# MAGIC SELECT 1\n"
    )
    (tmp_path / "it.ipynb").write_text("{}")
    with pytest.raises(PipelineSettingsError, match=message):
        pipeline_settings("it", {"name": "it", **settings}, folder=tmp_path)


def test_libraries_are_files_globs_and_notebooks_each_once(tmp_path):
    for name in ("a.py", "deep/b.sql", "deep/deeper/c.py", "deep/notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    libraries = [
        {"notebook": {"path": "./a"}},
        {"glob": {"include": "deep/**"}},
        {"glob": {"include": "deep/deeper/c.py"}},
        {"file": {"path": "a.py"}},
    ]
    settings = {"name": "it / one", "libraries": libraries, "configuration": {"a": True, "b": 1}}
    found = pipeline_settings("one", settings, folder=tmp_path)
    names = [file.relative_to(tmp_path.resolve()).as_posix() for file in found.files]
    assert names == ["a.py", "deep/b.sql", "deep/deeper/c.py"]
    assert (found.key, found.name) == ("one", "it / one")
    assert found.configuration == {"a": "true", "b": "1"}

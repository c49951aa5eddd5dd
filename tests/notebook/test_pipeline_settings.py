"""What a pipeline resource asks for, and what is refused before anything starts."""

from dataclasses import replace
from pathlib import Path

import pytest

from lyceum.config import Config
from lyceum.local.pipeline_settings import PipelineSettingsError, pipeline_request


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ({"libraries": []}, {}, "to name .py or .sql files, found none"),
        ({"libraries": [{"file": {"path": "gone.py"}}]}, {}, "expected the file .*gone.py"),
        ({"libraries": [{"maven": {"coordinates": "a:b:1"}}]}, {}, "found maven"),
        ({"libraries": [{"notebook": {"path": "magic"}}]}, {}, "found %sql"),
        ({"libraries": [{"file": {"path": "it.ipynb"}}]}, {}, r"to be \.py or \.sql"),
        ({"continuous": True}, {}, "found continuous: true"),
        ({}, {"full_refresh": True, "refresh": ["a"]}, "of all tables or of some, found both"),
    ],
)
def test_what_the_engine_cannot_run_is_refused_before_it_starts(
    tmp_path, settings, options, message
):
    (tmp_path / "magic.py").write_text(
        "# Databricks notebook source\n# MAGIC %sql\n# MAGIC SELECT 1\n"
    )
    (tmp_path / "it.ipynb").write_text("{}")
    config = replace(Config.load(tmp_path), home=tmp_path)
    with pytest.raises(PipelineSettingsError, match=message):
        pipeline_request({"name": "it", **settings}, config=config, folder=tmp_path, **options)


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
    request = pipeline_request(settings, config=Config.load(tmp_path), folder=tmp_path)
    names = [Path(file).relative_to(tmp_path.resolve()).as_posix() for file in request.files]
    assert names == ["a.py", "deep/b.sql", "deep/deeper/c.py"]
    assert request.slug == "it_one"
    assert request.configuration == {"a": "true", "b": "1"}

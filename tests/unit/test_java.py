"""What is said when there is no Java that Spark runs on."""

from pathlib import Path

import pytest

from lyceum.local.java import JavaError, require_java


def fake_java(home: Path, version: str) -> str:
    """A JAVA_HOME whose java says that it is of some version."""
    command = home / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    command.chmod(0o755)
    return str(home)


@pytest.mark.parametrize("version", ["17.0.15", "21.0.2"])
def test_java_17_and_21_are_taken(tmp_path, version):
    home = fake_java(tmp_path, version)
    assert require_java(home) == f"{home}/bin/java"


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22", "25"])
def test_another_java_is_refused_with_what_to_install(tmp_path, version):
    with pytest.raises(JavaError, match=f"expected Java 17 or 21, found {version} .* install"):
        require_java(fake_java(tmp_path, version))


def test_no_java_is_refused_with_what_to_install(tmp_path):
    with pytest.raises(
        JavaError, match=r"expected Java 17 or 21, found none by JAVA_HOME=.* JDK 17"
    ):
        require_java(str(tmp_path))


def test_no_java_on_the_path_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JavaError, match="found none by PATH"):
        require_java(None)

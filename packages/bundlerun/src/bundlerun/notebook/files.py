"""`dbutils.fs` on the files of this machine."""

import shutil
from pathlib import Path
from typing import NamedTuple

from bundlerun.notebook.errors import FilePathError
from bundlerun.notebook.parts import Part

_IN_THE_ROOT = ("/Volumes/", "/FileStore/", "/mnt/", "/databricks-datasets/")


class FileInfo(NamedTuple):
    """A file or folder, as `ls` lists it."""

    path: str
    name: str
    size: int
    modificationTime: int  # noqa: N815 - the workspace's name

    def isDir(self) -> bool:  # noqa: N802 - the workspace's name
        """True for a folder."""
        return self.name.endswith("/")

    def isFile(self) -> bool:  # noqa: N802 - the workspace's name
        """True for a file."""
        return not self.isDir()


class FileSystem(Part):
    """Files by the paths of a workspace.

    `file:/x` and other absolute paths are this machine's; `dbfs:/x`, `/Volumes/x` and the other
    folders that only a workspace has are below `root`.
    """

    _name = "dbutils.fs"

    def __init__(self, root: Path | None) -> None:
        self._root = root

    def ls(self, path: str) -> list[FileInfo]:
        """The entries of a folder, or the one file."""
        local = self._existing(path)
        entries = sorted(local.iterdir()) if local.is_dir() else [local]
        base = path.rstrip("/") if local.is_dir() else path.rstrip("/").rpartition("/")[0]
        return [_info(entry, base) for entry in entries]

    def mkdirs(self, path: str) -> bool:
        """Make a folder and those above it."""
        self._local(path).mkdir(parents=True, exist_ok=True)
        return True

    def rm(self, path: str, recurse: bool = False) -> bool:  # noqa: FBT001, FBT002 - as there
        """Remove a file, or a folder with what is in it; False if there is none."""
        local = self._local(path)
        if not local.exists():
            return False
        if not local.is_dir():
            local.unlink()
        elif recurse:
            shutil.rmtree(local)
        else:
            _remove_empty(local, path)
        return True

    def cp(self, source: str, target: str, recurse: bool = False) -> bool:  # noqa: FBT001, FBT002
        """Copy a file, or a folder with what is in it."""
        origin, goal = self._existing(source), self._goal(source, target)
        if origin.is_dir() and not recurse:
            message = f"expected {source} to be a file, found a folder: set recurse=True"
            raise FilePathError(message)
        if origin.is_dir():
            shutil.copytree(origin, goal, dirs_exist_ok=True)
        else:
            shutil.copy2(origin, goal)
        return True

    def mv(self, source: str, target: str, recurse: bool = False) -> bool:  # noqa: FBT001, FBT002
        """Move a file, or a folder with what is in it."""
        self.cp(source, target, recurse)
        return self.rm(source, recurse)

    def head(self, path: str, max_bytes: int = 65_536) -> str:
        """The beginning of a file as text."""
        with self._existing(path).open("rb") as file:
            return file.read(max_bytes).decode("utf-8", errors="ignore")

    def put(self, path: str, contents: str, overwrite: bool = False) -> bool:  # noqa: FBT001, FBT002
        """Write text to a file."""
        local = self._local(path)
        if local.exists() and not overwrite:
            message = f"expected no file at {path}, found one: set overwrite=True"
            raise FilePathError(message)
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(contents, encoding="utf-8")
        return True

    def exists(self, path: str) -> bool:
        """True if there is a file or a folder."""
        return self._local(path).exists()

    def _goal(self, source: str, target: str) -> Path:
        """Where a copy goes: into a folder that is there, under the name of the source."""
        goal = self._local(target)
        goal.parent.mkdir(parents=True, exist_ok=True)
        is_file = not self._local(source).is_dir()
        return goal / source.rstrip("/").rpartition("/")[2] if is_file and goal.is_dir() else goal

    def _existing(self, path: str) -> Path:
        local = self._local(path)
        if not local.exists():
            message = f"expected a file or folder at {path}, found none"
            raise FilePathError(message)
        return local

    def _local(self, path: str) -> Path:
        scheme, colon, rest = path.partition(":")
        if not colon:
            scheme, rest = "", path
        if not rest.startswith("/") or scheme not in ("", "file", "dbfs"):
            message = f"expected an absolute path, or one with file: or dbfs:, found {path!r}"
            raise FilePathError(message)
        absolute = "/" + rest.lstrip("/")
        if scheme != "dbfs" and (scheme == "file" or not f"{absolute}/".startswith(_IN_THE_ROOT)):
            return Path(absolute)
        return self._below_the_root(absolute, path)

    def _below_the_root(self, absolute: str, path: str) -> Path:
        if self._root is None:
            message = f"expected a folder that stands for the workspace's files, found none: {path}"
            raise FilePathError(message)
        root = self._root.resolve()
        local = (root / absolute.lstrip("/")).resolve()
        if not local.is_relative_to(root):
            message = f"expected a path inside the workspace's files, found {path!r}"
            raise FilePathError(message)
        return local


def _remove_empty(folder: Path, path: str) -> None:
    if any(folder.iterdir()):
        message = f"expected {path} to be empty, found files: set recurse=True"
        raise FilePathError(message)
    folder.rmdir()


def _info(entry: Path, base: str) -> FileInfo:
    facts, is_folder = entry.stat(), entry.is_dir()
    name = entry.name + ("/" if is_folder else "")
    size = 0 if is_folder else facts.st_size
    return FileInfo(f"{base}/{name}", name, size, int(facts.st_mtime * 1000))

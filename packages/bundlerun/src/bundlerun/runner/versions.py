"""The Delta versions that a task reads and writes, as the writers tell of them."""

from pathlib import Path
from threading import Lock

from bundlerun.config import Config

Tables = dict[str, int]


def version_on_disk(config: Config, schema: str, name: str) -> int | None:
    """The latest version of a table, by its files; None if it has none or is elsewhere."""
    if not config.is_local_disk:
        return None
    commits = Path(str(config.warehouse), schema, name, "_delta_log").glob("*.json")
    return max((int(c.stem) for c in commits if c.stem.isdigit()), default=None)


class TouchedTables:
    """The first version read and the last version written of every table."""

    def __init__(self, config: Config) -> None:
        self.read: Tables = {}
        self.written: Tables = {}
        self._config = config
        self._guard = Lock()
        self._before: dict[str, int | None] = {}

    def __call__(self, kind: str, subject: str) -> None:
        """Note a step of a writer."""
        layer, _, name = subject.partition(".")
        schema = self._config.schemas.get(layer)
        if schema is not None and kind in ("read", "writing", "written"):
            self.note(kind, subject, version_on_disk(self._config, schema, name))

    def note(self, kind: str, subject: str, version: int | None) -> None:
        """Note that a table was read, is about to be written or was written at a version."""
        with self._guard:
            if kind == "writing":
                self._before[subject] = version
            elif version is not None and kind == "read":
                self.read.setdefault(subject, version)
            elif version is not None and version != self._before.get(subject):
                self.written[subject] = version

    def facts(self) -> dict[str, Tables]:
        """What the journal keeps of it."""
        return {"read": dict(self.read), "written": dict(self.written)}

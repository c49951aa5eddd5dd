"""The landing folder of the OLTP database: what is in it, how far the source was read.

A sync writes its files aside, under `_staged`. It counts when `state.json` names them: from then
on they are copied to their tables' folders, by the next sync if this one is killed before. So
every row is landed once, whenever a process dies. Nothing is renamed: a volume cannot.
"""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

_STAGED, _INDEX = "_staged", "_index"
# The new state is written under the second name, then under the first: a kill leaves one whole.
_STATE, _NEXT_STATE = "state.json", "state.next.json"


@dataclass(frozen=True)
class TableState:
    """How far a table was read."""

    database: str
    table_id: int
    """Of which database and which table: of another one all rows are read."""
    horizon: int
    rows: int
    key_sum: str
    """With `rows` it tells whether keys came or went."""
    index: str | None = None
    """File of the keys and hashes of what was landed."""


@dataclass(frozen=True)
class State:
    """What the last sync left."""

    snapshot_at: str = ""
    """Instant of its snapshot, in ISO 8601."""
    tables: dict[str, TableState] = field(default_factory=dict)
    landed: list[str] = field(default_factory=list)
    """Its files, relative to the landing folder."""


class Landing:
    """The landing folder; one process writes it at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def opened(self) -> State:
        """The state, after what a killed sync left is done with."""
        state = self._read()
        self._publish(state)
        return state

    def staged(self, name: str) -> Path:
        """Where to write a file that a commit copies to its place."""
        path = self.root / _STAGED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def index(self, state: TableState | None) -> Path | None:
        """File of the keys and hashes of a table; None if there is none."""
        return self.root / state.index if state and state.index else None

    def commit(self, state: State) -> None:
        """Land the staged files that the state names, its indexes among them."""
        self.root.mkdir(parents=True, exist_ok=True)
        for name in (_NEXT_STATE, _STATE):
            text = json.dumps(asdict(state), indent=1)
            (self.root / name).write_text(text, encoding="utf-8")
        self._publish(state)

    def folder(self, table: str) -> Path:
        """Where the landed files of a table are."""
        return self.root / table

    def _read(self) -> State:
        try:
            found = json.loads((self.root / _STATE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return State()
        except json.JSONDecodeError:
            found = json.loads((self.root / _NEXT_STATE).read_text(encoding="utf-8"))
        tables = {name: TableState(**table) for name, table in found["tables"].items()}
        return State(found["snapshot_at"], tables, found["landed"])

    def _publish(self, state: State) -> None:
        """Copy what is named to its place and drop the rest, also of an older index."""
        indexes = [table.index for table in state.tables.values() if table.index]
        for name in [*state.landed, *indexes]:
            staged = self.root / _STAGED / name
            if staged.exists():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(staged, self.root / name)
        shutil.rmtree(self.root / _STAGED, ignore_errors=True)
        for file in (self.root / _INDEX).glob("*"):
            if f"{_INDEX}/{file.name}" not in indexes:
                file.unlink()


def index_name(table: str, stamp: str) -> str:
    """Name of the index of a table as of a sync."""
    return f"{_INDEX}/{table}-{stamp}.parquet"

"""Replay of the quarantine: each system says how what it rejected is tried again."""

from collections.abc import Callable, Mapping

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import open_records
from lyceum.runs.reporter import Reporter
from lyceum.systems.events.replay import replay_events
from lyceum.systems.lms.replay import replay_lms

Replay = Callable[[Lakehouse, Reporter], None]

REPLAYS: Mapping[str, Replay] = {"events": replay_events, "lms": replay_lms}
"""By system; a replay leaves in quarantine what it cannot mend and resolves the rest."""


class UnknownSystemError(UsageError):
    """No such system has a replay."""


def replay(lake: Lakehouse, reporter: Reporter, system: str | None = None) -> None:
    """Try again what is open in the quarantine of one system, or of all, and say what it mended."""
    if system is not None and system not in REPLAYS:
        message = f"expected a system that can replay, found {system!r}: one of "
        raise UnknownSystemError(message + ", ".join(REPLAYS))
    rows = [(name, *_replayed(lake, reporter, name)) for name in REPLAYS if system in (None, name)]
    reporter.table("Replayed", ["system", "were open", "mended", "new", "still open"], rows)
    if not any(mended for _, _, mended, _, _ in rows):
        reporter.say("Nothing was mended: what is in quarantine breaks the same rules as before")


def _replayed(lake: Lakehouse, reporter: Reporter, system: str) -> tuple[int, int, int, int]:
    """How many records were open, were mended by the replay, came new, and are open now."""
    before = _open_ids(lake, system)
    if not before:
        return 0, 0, 0, 0
    REPLAYS[system](lake, reporter)
    after = _open_ids(lake, system)
    return len(before), len(before - after), len(after - before), len(after)


def _open_ids(lake: Lakehouse, system: str) -> set[str]:
    """The identifiers of the open records: a set of hashes, known before and after."""
    rows = open_records(lake, system).select("quarantine_id").toLocalIterator()
    return {row.quarantine_id for row in rows}

"""Dirt in the sample: what breaks, by name, at which rate; it never touches the world's rows."""

import gzip
from collections.abc import Callable

from lyceum_lab.lms.rates import RateSpec, parse_rates

BAD_ROWS = ("ragged_row", "missing_id", "bad_date", "unknown_attended", "unknown_event")
ROW_DIRT = ("untidy_id", "repeated_row", *BAD_ROWS)
FILE_DIRT = (
    "shuffled_header",
    "extra_column",
    "missing_column",
    "repeated_file",
    "unreadable_file",
)
BAD_PREFIX = "BAD"
"""Identifiers of bad rows begin so; no row of the world does."""

Row = dict[str, object]


def parse_dirt(spec: RateSpec) -> dict[str, float]:
    """Dirt rates from `ragged_row=0.01,untidy_id=0.1`, a mapping or one number for all."""
    return parse_rates(spec, known=[*ROW_DIRT, *FILE_DIRT], what="dirt")


def bad_row(row: Row, kind: str, number: int) -> Row | None:
    """A row broken in one way, under an identifier of its own; None if it has no such column."""
    key, modified = next(iter(row)), next((name for name in row if "modified" in name), None)
    own = {**row, key: f"{BAD_PREFIX}{number:08d}"}
    changes: dict[str, Row] = {
        "missing_id": {key: ("", None, "   ")[number % 3]},
        "bad_date": {modified or key: ("tomorrow", "2026-13-45 25:61:00", "0")[number % 3]},
        "unknown_attended": {"attended": ("maybe", "2", "ja")[number % 3]},
        "unknown_event": {"event_id": "EV9999999"},
    }
    change = changes[kind]
    is_possible = set(change) <= set(row) and not (kind == "bad_date" and modified is None)
    is_own_event = kind == "unknown_event" and key == "event_id"
    return own | change if is_possible and not is_own_event else None


def untidy(identifier: str) -> str:
    """The same identifier as people type it."""
    return f" {identifier.lower()}\t"


UNREADABLE: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("csv", lambda: b""),
    ("csv.gz", lambda: gzip.compress(b"participant_id,event_id\nP1,E1\n" * 40, mtime=0)[:-12]),
    ("parquet", lambda: b"PAR1" + bytes(range(200)) + b"PAR0"),
    ("csv", lambda: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))),
    ("csv", lambda: b"colour,shape\nred,round\n"),
    ("docx", lambda: b"PK\x03\x04" + bytes(64)),
)
"""Extension and content of files that hold no table of ours."""

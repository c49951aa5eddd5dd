"""How much of the data has to pass a check; every threshold is a setting."""

from dataclasses import dataclass, fields

from lyceum.errors import UsageError


class ThresholdError(UsageError):
    """A threshold is no share."""


@dataclass(frozen=True)
class LmsThresholds:
    """Shares of the rows for which a check of the LMS suite has to hold, from 0 to 1."""

    event_coverage: float = 0.95
    """Of the listed events, those with session details."""
    session_counts: float = 0.95
    """Of the events that announce a number of sessions, those with as many."""
    timing: float = 0.95
    """Of the sessions, those with usable times; an LMS that people type into has exceptions."""

    def __post_init__(self) -> None:
        """Refuse what is no share; raises ThresholdError."""
        for field in fields(self):
            share = getattr(self, field.name)
            if not 0 <= share <= 1:
                name = f"LMS_QUALITY_{field.name.upper()}"
                message = f"expected {name} to be a share from 0 to 1, found {share!r}"
                raise ThresholdError(message)

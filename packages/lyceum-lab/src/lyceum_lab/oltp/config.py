"""How large the made-up product is."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta


@dataclass(frozen=True)
class OltpConfig:
    """The same configuration gives the same rows."""

    learners: int = 200
    days: int = 7
    """Days of sessions; the last of them is `until`."""
    until: date = date(2026, 1, 31)
    seed: int = 1
    activities: int = 10
    """Answers of a session."""

    @property
    def start(self) -> datetime:
        """Midnight of the first day, UTC."""
        return self.midnight(0)

    def midnight(self, day: int) -> datetime:
        """Start of a day, the first being 0, UTC."""
        first = self.until - timedelta(days=self.days - 1)
        return datetime.combine(first, time(), UTC) + timedelta(days=day)

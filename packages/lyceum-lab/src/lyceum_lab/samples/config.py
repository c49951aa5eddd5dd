"""What a sample is made of."""

from dataclasses import dataclass, replace

from lyceum.errors import UsageError
from lyceum_lab.lms.rates import RateSpec
from lyceum_lab.samples.dirt import parse_dirt

_PARTICIPANTS_AN_EVENT = 20


class SampleError(UsageError):
    """A sample cannot be made as it was asked for."""


@dataclass(frozen=True)
class SampleConfig:
    """One world of events, and how it arrives.

    The world depends on `seed`, `rows` and `events` alone: delivered at once and clean, or in many
    deliveries and dirty, it comes to the same latest versions.
    """

    seed: int = 1
    rows: int = 1_000
    """Participants."""
    events: int = 0
    """Events; 0 stands for one per 20 participants."""
    deliveries: int = 1
    share: float = 0.1
    """Part of all rows that each later delivery holds: half of it late, half corrections."""
    dirt: RateSpec = ""
    is_plain: bool = False
    """Only UTF-8 CSV with commas, instead of every format and encoding."""

    def __post_init__(self) -> None:
        if self.rows < 1 or self.events < 0 or self.deliveries < 1:
            message = "expected at least 1 row and 1 delivery, and no negative number of events"
            raise SampleError(f"{message}, found {self.rows}, {self.deliveries}, {self.events}")
        if not 0 < self.share * max(1, self.deliveries - 1) <= 1:
            message = "expected the later deliveries to hold together at most all rows"
            found = f"{self.deliveries - 1} times {self.share}"
            raise SampleError(f"{message}, found {found}: lower the share or the deliveries")
        parse_dirt(self.dirt)

    @property
    def event_count(self) -> int:
        """How many events there are."""
        return self.events or max(1, self.rows // _PARTICIPANTS_AN_EVENT)

    @property
    def dirt_rates(self) -> dict[str, float]:
        """The rate of each kind of dirt."""
        return parse_dirt(self.dirt)

    @property
    def clean(self) -> "SampleConfig":
        """The same world in one clean delivery."""
        return replace(self, deliveries=1, dirt="")

"""What there is to set about the simulated LMS."""

from dataclasses import dataclass, field

from lyceum.errors import UsageError
from lyceum_lab.lms.content import learning_content
from lyceum_lab.lms.dirt import make_dirty, parse_dirt
from lyceum_lab.lms.faults import FaultPlan, parse_faults
from lyceum_lab.lms.model import Lms
from lyceum_lab.lms.rates import RateSpec


class SimulatorConfigError(UsageError):
    """A setting of the simulator is out of range."""


@dataclass(frozen=True)
class SimulatorConfig:
    """Content, faults and limits of one simulated LMS; raises RateError, SimulatorConfigError.

    `dirt` and `faults` are rates from 0 to 1: `name=rate,...`, a mapping, or one number for all.
    """

    seed: int = 1
    events: int = 100
    max_sessions: int = 6
    dirt: RateSpec = ""
    faults: RateSpec = ""
    faults_clear_after: int | None = None
    """Transient faults end after this many attempts at a call; None: each attempt draws anew."""
    rate_limit: int | None = None
    """Calls accepted in any one second; None: no limit."""
    latency_ms: float = 0.0
    token_ttl: float = 3600.0
    """Seconds."""
    slow_seconds: float = 90.0
    retry_after_seconds: int = 1
    client_id: str = "lyceum"
    client_secret: str = field(default="lyceum-secret", repr=False)

    def __post_init__(self) -> None:
        parse_dirt(self.dirt)
        parse_faults(self.faults)
        for name in ("events", "max_sessions", "latency_ms", "slow_seconds", "retry_after_seconds"):
            self._require_at_least(name, 0)
        for name in ("rate_limit", "faults_clear_after"):
            self._require_at_least(name, 1)

    def content(self) -> Lms:
        """The generated LMS: the same for the same seed, events, sessions and dirt."""
        pairs = learning_content(seed=self.seed, events=self.events, max_sessions=self.max_sessions)
        make_dirty(pairs, self.dirt, seed=self.seed)
        return Lms(pairs)

    def fault_plan(self) -> FaultPlan:
        """The faults of every call to come."""
        return FaultPlan(self.faults, seed=self.seed, clear_after=self.faults_clear_after)

    def _require_at_least(self, name: str, minimum: int) -> None:
        value = getattr(self, name)
        if value is not None and not value >= minimum:
            raise SimulatorConfigError(f"{name} is {value}; expected at least {minimum}.")

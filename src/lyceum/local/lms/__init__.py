"""A simulated LMS: a real HTTP server on loopback with the default API, and any fault of it."""

from lyceum.local.lms.config import SimulatorConfig, SimulatorConfigError
from lyceum.local.lms.dirt import parse_dirt
from lyceum.local.lms.faults import Fault, parse_faults
from lyceum.local.lms.model import Lms
from lyceum.local.lms.rates import RateError
from lyceum.local.lms.simulator import Simulator, SimulatorStartError, serve

__all__ = [
    "Simulator",
    "SimulatorConfig",
    "serve",
    "Lms",
    "Fault",
    "parse_faults",
    "parse_dirt",
    "RateError",
    "SimulatorConfigError",
    "SimulatorStartError",
]

"""A simulated LMS: a real HTTP server on loopback with the default API, and any fault of it."""

from lyceum_lab.lms.config import SimulatorConfig, SimulatorConfigError
from lyceum_lab.lms.dirt import parse_dirt
from lyceum_lab.lms.faults import Fault, parse_faults
from lyceum_lab.lms.model import Lms
from lyceum_lab.lms.rates import RateError
from lyceum_lab.lms.simulator import Simulator, SimulatorStartError, serve

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

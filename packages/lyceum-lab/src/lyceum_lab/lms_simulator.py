"""The LMS simulator as a process: `python -m lyceum_lab.lms_simulator --events 1000`.

Prints its URL in one line when it is ready, and serves until it is interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields

from lyceum_lab.lms import (
    RateError,
    Simulator,
    SimulatorConfig,
    SimulatorConfigError,
    SimulatorStartError,
    serve,
)

__all__ = ["Simulator", "SimulatorConfig", "serve", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve as the arguments say; a wrong one exits with a line that says which."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    port = options.pop("port")
    try:
        serve(SimulatorConfig(**options), port, on_ready=_announce)
    except (RateError, SimulatorConfigError, SimulatorStartError) as error:
        parser.error(str(error))


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lms_simulator", description="A simulated LMS.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    for field in fields(SimulatorConfig):
        kind = _TYPES.get(field.name, str)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    return parser


_TYPES = {
    "seed": int,
    "events": int,
    "max_sessions": int,
    "faults_clear_after": int,
    "rate_limit": int,
    "latency_ms": float,
    "token_ttl": float,
    "slow_seconds": float,
    "retry_after_seconds": int,
}


if __name__ == "__main__":
    main()

"""How long the long simulations are: a fixed sample in CI, all of it with `make soak`."""

import os

IS_SOAK = bool(os.environ.get("LYCEUM_SOAK"))

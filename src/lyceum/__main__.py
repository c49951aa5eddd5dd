"""`python -m lyceum` is `lyceum`."""

import sys

from lyceum.cli import main

sys.exit(main())

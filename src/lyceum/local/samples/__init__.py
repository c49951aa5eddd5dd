"""Sample inbound files of the event pipeline: the same seed and options give the same bytes."""

from lyceum.local.samples.config import SampleConfig, SampleError
from lyceum.local.samples.deliveries import Dropped, write_sample

__all__ = ["Dropped", "SampleConfig", "SampleError", "write_sample"]

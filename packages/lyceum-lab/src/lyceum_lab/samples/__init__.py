"""Sample inbound files of the event pipeline: the same seed and options give the same bytes."""

from lyceum_lab.samples.config import SampleConfig, SampleError
from lyceum_lab.samples.deliveries import Dropped, write_sample

__all__ = ["Dropped", "SampleConfig", "SampleError", "write_sample"]

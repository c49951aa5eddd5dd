"""The LMS API: how it is called, and what its answers become on disk."""

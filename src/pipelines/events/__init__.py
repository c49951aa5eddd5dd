"""The event pipeline."""

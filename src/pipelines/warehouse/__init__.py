"""The pipeline of the warehouse."""

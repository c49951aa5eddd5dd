"""LMS session details: a load from a REST API into silver."""

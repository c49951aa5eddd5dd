"""Jobs: read, transform, write; one module a job."""

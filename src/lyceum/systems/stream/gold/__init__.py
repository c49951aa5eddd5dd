"""Gold of the learner stream: one module a table."""

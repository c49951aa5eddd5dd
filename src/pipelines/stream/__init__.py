"""The pipeline of the learner stream."""

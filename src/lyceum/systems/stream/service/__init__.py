"""The service of the learner stream: its loop, its figures, its answers by HTTP."""

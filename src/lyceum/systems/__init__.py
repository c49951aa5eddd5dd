"""The systems, a room each; they do not know each other."""

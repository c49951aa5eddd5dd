"""Sources: how to read a technology."""

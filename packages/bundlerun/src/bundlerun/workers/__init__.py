"""The processes in which tasks run: a server that forks them, and what each of them does."""
